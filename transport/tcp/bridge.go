package tcp

import (
	"context"
	"io"
	"log/slog"
	"sync/atomic"

	"github.com/hashicorp/go-hclog"
)

// bridge hands what raft's network transport logs to slog.
type bridge struct {
	log *slog.Logger

	// closing turns everything to debug: the transport reports each connection
	// that Close cuts as an error.
	closing atomic.Bool
}

// logger returns the hclog face of b.
func (b *bridge) logger() hclog.Logger {
	l := hclog.NewInterceptLogger(&hclog.LoggerOptions{Level: hclog.Off, Output: io.Discard})
	l.RegisterSink(b)
	return l
}

// Accept implements hclog.SinkAdapter.
func (b *bridge) Accept(_ string, level hclog.Level, msg string, args ...any) {
	to := slog.LevelDebug
	if !b.closing.Load() {
		switch {
		case level >= hclog.Error:
			to = slog.LevelError
		case level == hclog.Warn:
			to = slog.LevelWarn
		case level == hclog.Info:
			to = slog.LevelInfo
		}
	}
	b.log.Log(context.Background(), to, msg, args...)
}
