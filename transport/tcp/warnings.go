package tcp

import (
	"log/slog"
	"sync"
	"time"
)

// warnings logs a repeated event once a while, so that a peer that retries, or
// one that floods, cannot fill a disk. Its memory is bounded: when it already
// watches maxKinds kinds of event, all further kinds share one turn.
type warnings struct {
	log *slog.Logger
	now func() time.Time

	mu   sync.Mutex
	last map[string]turn
}

// turn is one kind of event: when it was logged, and how often since then not.
type turn struct {
	at      time.Time
	skipped int
}

const (
	quiet    = time.Minute
	maxKinds = 256
	overflow = "" // no kind of event is called this
)

func newWarnings(log *slog.Logger) *warnings {
	return &warnings{log: log, now: time.Now, last: map[string]turn{}}
}

// warn logs msg unless an event of this kind was logged less than quiet ago.
func (w *warnings) warn(kind, msg string, args ...any) {
	skipped, due := w.due(kind)
	if !due {
		return
	}
	if skipped > 0 {
		args = append(args, "repeated", skipped)
	}
	w.log.Warn(msg, args...)
}

func (w *warnings) due(kind string) (skipped int, due bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	if _, known := w.last[kind]; !known && len(w.last) >= maxKinds {
		for k, t := range w.last {
			if now.Sub(t.at) >= quiet {
				delete(w.last, k)
			}
		}
		if len(w.last) >= maxKinds {
			kind = overflow
		}
	}
	t, known := w.last[kind]
	if known && now.Sub(t.at) < quiet {
		t.skipped++
		w.last[kind] = t
		return 0, false
	}
	w.last[kind] = turn{at: now}
	return t.skipped, true
}
