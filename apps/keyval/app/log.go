package app

import (
	"io"
	"log/slog"
)

func newLogger(w io.Writer, cfg Config) *slog.Logger {
	o := &slog.HandlerOptions{Level: cfg.LogLevel, ReplaceAttr: renameDuration}
	if cfg.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// renameDuration keeps the name time for when an event was. hashicorp/raft calls
// durations so too, and of two equal keys in JSON most readers take the last.
func renameDuration(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey && a.Value.Kind() != slog.KindTime {
		a.Key = "duration"
	}
	return a
}
