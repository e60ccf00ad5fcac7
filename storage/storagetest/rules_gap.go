package storagetest

import (
	"errors"
	"fmt"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
)

func gapRules() []Rule {
	return []Rule{
		{Name: "gap", Says: "a store that does not say it is monotonic takes a gap, as a snapshot of the user leaves", Relies: "raft.go:restoreUserSnapshot", check: gapTaken},
		{Name: "gap-miss", Says: "GetLog within a gap returns raft.ErrLogNotFound itself", Relies: "replication.go:setPreviousLog", check: gapMiss},
		{Name: "gap-refused", Says: "a store that says it is monotonic refuses a gap", Relies: "log.go:MonotonicLogStore", check: gapRefused},
		{Name: "gap-refused-whole", Says: "of a batch that is refused for a gap within it, nothing is stored", Relies: "raft.go:appendEntries", check: gapRefusedWhole},
		{Name: "monotonic-steady", Says: "IsMonotonic always answers the same", Relies: "raft.go:installSnapshot", check: monotonicSteady},
	}
}

// isMonotonic asks as Raft does.
func isMonotonic(s storage.Store) bool {
	m, ok := s.(raft.MonotonicLogStore)
	return ok && m.IsMonotonic()
}

func gapTaken(l *lab) error {
	return l.lasting(
		func(s storage.Store) error {
			if isMonotonic(s) {
				return nil
			}
			if err := s.StoreLogs(entries(1, 3, 1)); err != nil {
				return err
			}
			if err := s.StoreLogs(entries(7, 9, 1)); err != nil {
				return fmt.Errorf("storing 7 to 9 after 3, though IsMonotonic is false: %w", err)
			}
			return nil
		},
		func(s storage.Store) error {
			if isMonotonic(s) {
				return nil
			}
			for _, i := range []uint64{1, 3, 7, 9} {
				if err := s.GetLog(i, new(raft.Log)); err != nil {
					return fmt.Errorf("GetLog(%d): %w", i, err)
				}
			}
			return bounded(s, 1, 9)
		})
}

func gapMiss(l *lab) error {
	return l.lasting(
		func(s storage.Store) error {
			if isMonotonic(s) {
				return nil
			}
			return errors.Join(s.StoreLogs(entries(1, 3, 1)), s.StoreLogs(entries(7, 9, 1)))
		},
		func(s storage.Store) error {
			if isMonotonic(s) {
				return nil
			}
			return errors.Join(lacks(s, 4, 5, 6), has(s, append(entries(1, 3, 1), entries(7, 9, 1)...)...))
		})
}

func gapRefused(l *lab) error {
	return l.lasting(
		func(s storage.Store) error {
			if err := s.StoreLogs(entries(1, 3, 1)); err != nil || !isMonotonic(s) {
				return err
			}
			for _, from := range []uint64{5, 7, 1 << 40} {
				if err := s.StoreLogs(entries(from, from+2, 1)); err == nil {
					return fmt.Errorf("storing %d after 3: got no error, though IsMonotonic is true", from)
				}
			}
			return nil
		},
		having(entries(1, 3, 1)...))
}

func gapRefusedWhole(l *lab) error {
	return l.lasting(
		func(s storage.Store) error {
			if err := s.StoreLogs(entries(1, 3, 1)); err != nil || !isMonotonic(s) {
				return err
			}
			if err := s.StoreLogs(append(entries(4, 5, 1), entries(7, 8, 1)...)); err == nil {
				return errors.New("storing 4, 5, 7 and 8: got no error, though IsMonotonic is true")
			}
			return nil
		},
		having(entries(1, 3, 1)...))
}

func monotonicSteady(l *lab) error {
	var answers []bool
	ask := func(do func(storage.Store) error) func(storage.Store) error {
		return func(s storage.Store) error {
			answers = append(answers, isMonotonic(s))
			err := do(s)
			answers = append(answers, isMonotonic(s))
			return err
		}
	}
	err := l.steps(
		ask(storing(entries(1, 10, 1)...)),
		ask(func(s storage.Store) error { return s.DeleteRange(1, 10) }),
		ask(func(storage.Store) error { return nil }))
	if err != nil {
		return err
	}
	for _, a := range answers {
		if a != answers[0] {
			return fmt.Errorf("when opened, after storing, reopened, after deleting all and reopened again, IsMonotonic is %v", answers)
		}
	}
	return nil
}
