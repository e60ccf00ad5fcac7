package pebblestore

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/cockroachdb/pebble/v2"
)

var _ pebble.Logger = slogLogger{}

type slogLogger struct{ to *slog.Logger }

func (l slogLogger) Infof(format string, args ...interface{}) {
	l.to.Debug("pebble", "event", fmt.Sprintf(format, args...))
}

func (l slogLogger) Errorf(format string, args ...interface{}) {
	l.to.Error("pebble", "event", fmt.Sprintf(format, args...))
}

// Fatalf must not return, since pebble goes on as if all were well; and only
// main may exit. See the package documentation.
func (l slogLogger) Fatalf(format string, args ...interface{}) {
	reason := fmt.Sprintf(format, args...)
	l.to.Error("pebble cannot go on; the process ends", "reason", reason)
	panic("pebblestore: cannot go on: " + reason)
}

// endOnError ends the process when pebble fails to write a table. It would try
// again at once and for ever, and take no writes meanwhile, nor be closed.
func endOnError(l slogLogger) func(error) {
	return func(err error) {
		if !errors.Is(err, pebble.ErrClosed) {
			l.Fatalf("background work: %v", err)
		}
	}
}
