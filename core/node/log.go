package node

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/hashicorp/go-hclog"
)

// RaftLogger gives parts of hashicorp/raft a logger that writes to l, at l's
// level.
func RaftLogger(l *slog.Logger) hclog.Logger {
	h := hclog.NewInterceptLogger(&hclog.LoggerOptions{Name: "raft", Level: hclog.Off, Output: io.Discard})
	h.RegisterSink(slogSink{l})
	return h
}

type slogSink struct{ log *slog.Logger }

func (s slogSink) Accept(name string, level hclog.Level, msg string, args ...any) {
	to := slog.LevelInfo
	switch level {
	case hclog.Trace, hclog.Debug:
		to = slog.LevelDebug
	case hclog.Warn:
		to = slog.LevelWarn
	case hclog.Error:
		to = slog.LevelError
	}
	if !s.log.Enabled(context.Background(), to) {
		return
	}
	attrs := append([]any{"from", name}, args...)
	for i, a := range attrs {
		attrs[i] = plain(a)
	}
	s.log.Log(context.Background(), to, msg, attrs...)
}

// plain is a value as every handler prints it: slog's for JSON sees nothing in
// what knows only how to print itself.
func plain(value any) any {
	switch v := value.(type) {
	case hclog.Format:
		if len(v) > 0 {
			return fmt.Sprintf(fmt.Sprint(v[0]), v[1:]...)
		}
	case error:
		return value
	case fmt.Stringer:
		return v.String()
	}
	return value
}
