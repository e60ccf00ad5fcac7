package storagetest

import (
	"errors"
	"fmt"
	"slices"

	"github.com/forkbikash/keyval/storage"
)

// againRules are about a log that goes on after a part of it was removed.
func againRules() []Rule {
	const diverges, snapshot = "raft.go:appendEntries", "raft.go:installSnapshot"
	return []Rule{
		{Name: "append-after-prefix", Says: "a log whose beginning was cut is appended to at its end, reopened or not", Relies: diverges, check: appendAfterPrefix},
		{Name: "overwrite", Says: "what is stored after the end was cut replaces what was there", Relies: diverges, check: overwrite(12)},
		{Name: "overwrite-shorter", Says: "what was cut does not return behind a shorter new end", Relies: diverges, check: overwrite(8)},
		{Name: "overwrite-reopened", Says: "the end may be replaced after reopening", Relies: diverges, check: overwriteReopened},
		{Name: "overwrite-often", Says: "the end may be replaced by one leader after the other", Relies: diverges, check: overwriteOften},
		{Name: "restart-same", Says: "an emptied log may begin again where it began", Relies: snapshot, check: restartAt(100)},
		{Name: "restart-above", Says: "an emptied log may go on at a higher index, as behind a snapshot", Relies: snapshot, check: restartAt(5000)},
		{Name: "restart-below", Says: "an emptied log may go on at a lower index", Relies: "raft.go:restoreUserSnapshot", check: restartAt(3)},
		{Name: "restart-reopened", Says: "an emptied log may go on anywhere after reopening", Relies: snapshot, check: restartReopened},
	}
}

func appendAfterPrefix(l *lab) error {
	return l.steps(
		func(s storage.Store) error {
			return errors.Join(s.StoreLogs(entries(1, 10, 1)), s.DeleteRange(1, 4), s.StoreLogs(entries(11, 12, 1)), has(s, entries(5, 12, 1)...))
		},
		func(s storage.Store) error {
			return errors.Join(s.StoreLogs(entries(13, 14, 1)), has(s, entries(5, 14, 1)...))
		},
		having(entries(5, 14, 1)...))
}

func overwrite(last uint64) func(*lab) error {
	return func(l *lab) error {
		return l.lasting(
			func(s storage.Store) error {
				return errors.Join(
					s.StoreLogs(entries(1, 10, 1)),
					s.DeleteRange(6, 10),
					s.StoreLogs(entries(6, last, 2)))
			},
			func(s storage.Store) error {
				return errors.Join(has(s, slices.Concat(entries(1, 5, 1), entries(6, last, 2))...), lacks(s, last+1, last+2))
			})
	}
}

func overwriteReopened(l *lab) error {
	return l.steps(
		func(s storage.Store) error {
			return errors.Join(s.StoreLogs(entries(1, 10, 1)), has(s, entries(1, 10, 1)...))
		},
		func(s storage.Store) error { return errors.Join(has(s, entries(1, 10, 1)...), s.DeleteRange(6, 10)) },
		func(s storage.Store) error {
			return errors.Join(has(s, entries(1, 5, 1)...), s.StoreLogs(entries(6, 8, 2)))
		},
		having(slices.Concat(entries(1, 5, 1), entries(6, 8, 2))...))
}

func overwriteOften(l *lab) error {
	const leaders = 12
	return l.lasting(
		func(s storage.Store) error {
			if err := s.StoreLogs(entries(1, 10, 1)); err != nil {
				return err
			}
			for term := uint64(2); term <= leaders; term++ {
				if err := errors.Join(s.DeleteRange(6, 10), s.StoreLogs(entries(6, 10, term))); err != nil {
					return fmt.Errorf("term %d: %w", term, err)
				}
			}
			return nil
		},
		having(slices.Concat(entries(1, 5, 1), entries(6, 10, leaders))...))
}

func restartAt(index uint64) func(*lab) error {
	return func(l *lab) error {
		return l.lasting(
			func(s storage.Store) error {
				return errors.Join(
					s.StoreLogs(entries(100, 110, 1)),
					s.DeleteRange(100, 110),
					s.StoreLogs(entries(index, index+3, 2)))
			},
			func(s storage.Store) error {
				return errors.Join(has(s, entries(index, index+3, 2)...), lacks(s, 110))
			})
	}
}

func restartReopened(l *lab) error {
	return l.steps(
		func(s storage.Store) error {
			return errors.Join(s.StoreLogs(entries(100, 110, 1)), s.DeleteRange(100, 110))
		},
		func(s storage.Store) error { return errors.Join(has(s), s.StoreLogs(entries(7000, 7003, 2))) },
		func(s storage.Store) error {
			return errors.Join(has(s, entries(7000, 7003, 2)...), s.DeleteRange(7000, 7003))
		},
		func(s storage.Store) error { return errors.Join(has(s), s.StoreLogs(entries(50, 51, 3))) },
		having(entries(50, 51, 3)...))
}
