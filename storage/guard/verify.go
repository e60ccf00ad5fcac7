package guard

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/hashicorp/raft"
)

// verify reads every entry that the log must have, so that a damaged or missing
// one is found before a node begins rather than when Raft panics over it.
func (l *watchedLog) verify() error {
	first, last, err := bounds(l.Store)
	if err != nil || last == 0 {
		return err
	}
	var entry raft.Log
	for _, s := range *l.sums.Load() {
		for i := max(first, s.from); i <= min(last, s.to); i++ {
			err := guarding(l.logger, func() error { return l.read(i, &entry) })
			if errors.Is(err, raft.ErrLogNotFound) {
				err = fmt.Errorf("it is missing, and the log goes from %d to %d", first, last)
			}
			if damaged := (*damageError)(nil); err != nil && !errors.As(err, &damaged) {
				err = &damageError{i, l.dir, err}
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// panicError is what a store panicked with: bbolt trusts its pages, and goes
// where they point. Such a store is not to be closed: it may hold locks that it
// waits for.
type panicError struct{ reason any }

func (e *panicError) Error() string { return fmt.Sprintf("the store cannot read it: %v", e.reason) }

// guarding runs do, and makes an error of a panic in it.
func guarding(logger *slog.Logger, do func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			logger.Debug("the log store panicked", "reason", p, "stack", string(debug.Stack()))
			err = &panicError{p}
		}
	}()
	return do()
}
