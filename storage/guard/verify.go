package guard

import (
	"errors"
	"fmt"
	"math"
	"runtime/debug"

	"github.com/hashicorp/raft"
)

// verify reads the whole log, so that a damaged entry is found before a node
// begins rather than when Raft panics over it. Around a gap, which a store may
// have after a snapshot was installed, it reads from both ends.
func (l *watchedLog) verify() error {
	first, err := l.Store.FirstIndex()
	if err != nil {
		return err
	}
	last, err := l.Store.LastIndex()
	if err != nil || last == 0 {
		return err
	}
	missing := uint64(math.MaxUint64)
	for i := first; i <= last; i++ {
		found, err := l.verifyOne(i)
		if err != nil {
			return err
		}
		if !found {
			missing = i
			break
		}
	}
	if missing > last {
		return nil
	}
	if m, ok := l.Store.(raft.MonotonicLogStore); ok && m.IsMonotonic() {
		return &damageError{missing, l.dir, fmt.Errorf("it is missing, and the log goes from %d to %d", first, last)}
	}
	for i := last; i > missing; i-- {
		if found, err := l.verifyOne(i); err != nil || !found {
			return err
		}
	}
	return nil
}

// verifyOne reads one entry. A store that panics over what it finds has found
// damage: bbolt trusts its pages, and goes where they point.
func (l *watchedLog) verifyOne(index uint64) (found bool, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{&damageError{index, l.dir, fmt.Errorf("the store cannot read it: %v", p)}}
		}
	}()
	err = l.read(index, new(raft.Log))
	switch damaged := (*damageError)(nil); {
	case err == nil:
		return true, nil
	case errors.Is(err, raft.ErrLogNotFound):
		return false, nil
	case !errors.As(err, &damaged):
		err = &damageError{index, l.dir, err}
	}
	return false, err
}

// panicError is what a store panicked with. It is not to be closed: it may hold
// locks that it waits for.
type panicError struct{ error }

func (e *panicError) Unwrap() error { return e.error }
