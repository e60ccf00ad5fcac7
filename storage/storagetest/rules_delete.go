package storagetest

import (
	"errors"
	"fmt"
	"math"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
)

func deleteRules() []Rule {
	const (
		compacts = "snapshot.go:compactLogsWithTrailing"
		diverges = "raft.go:appendEntries"
		recovers = "api.go:RecoverCluster"
	)
	return []Rule{
		{Name: "delete-empty", Says: "DeleteRange(0, 0) on an empty store is no error", Relies: recovers, check: deleteEmpty},
		{Name: "delete-prefix", Says: "DeleteRange of the beginning takes both ends along", Relies: compacts, check: deleting(1, 4, 5, 10)},
		{Name: "delete-suffix", Says: "DeleteRange of the end takes both ends along", Relies: diverges, check: deleting(8, 10, 1, 7)},
		{Name: "delete-all", Says: "DeleteRange of everything leaves an empty store", Relies: "snapshot.go:removeOldLogs", check: deleting(1, 10, 1, 0)},
		{Name: "delete-first", Says: "DeleteRange of the first entry alone takes it", Relies: compacts, check: deleting(1, 1, 2, 10)},
		{Name: "delete-last", Says: "DeleteRange of the last entry alone takes it", Relies: diverges, check: deleting(10, 10, 1, 9)},
		{Name: "delete-below", Says: "DeleteRange may begin below the log", Relies: "storage/storage.go:Store", check: deleting(0, 4, 5, 10)},
		{Name: "delete-above", Says: "DeleteRange may end above the log, where a follower thinks it ends after a failed append", Relies: diverges, check: deleting(8, 12, 1, 7)},
		{Name: "delete-every-index", Says: "DeleteRange of every index there can be leaves an empty store", Relies: "storage/storage.go:Store", check: deleting(0, math.MaxUint64, 1, 0)},
		{Name: "delete-absent", Says: "DeleteRange of what is not there is no error and changes nothing", Relies: diverges, check: deleting(11, 20, 1, 10)},
		{Name: "delete-inverted", Says: "DeleteRange from high to low changes nothing", Relies: "storage/storage.go:Store", check: deletingInverted},
		{Name: "delete-prefix-across", Says: "a beginning is cut exactly, also across segments, blocks and pages", Relies: compacts, check: cutAcross(func(s storage.Store) error { return s.DeleteRange(1, 77) }, 78, 160)},
		{Name: "delete-suffix-across", Says: "an end is cut exactly, also across segments, blocks and pages", Relies: diverges, check: cutAcross(func(s storage.Store) error { return s.DeleteRange(78, 160) }, 1, 77)},
		{Name: "delete-large", Says: "DeleteRange of thousands of entries takes each of them", Relies: compacts, check: deleteLarge},
		{Name: "delete-stepwise", Says: "cutting both ends again and again leaves the middle", Relies: compacts, check: deleteStepwise},
	}
}

func deleteEmpty(l *lab) error {
	return l.lasting(func(s storage.Store) error { return s.DeleteRange(0, 0) }, having())
}

// deleting removes low to high of entries 1 to 10, and wants from to to left.
func deleting(low, high, from, to uint64) func(*lab) error {
	return func(l *lab) error {
		return l.lasting(
			func(s storage.Store) error {
				if err := s.StoreLogs(entries(1, 10, 1)); err != nil {
					return err
				}
				return s.DeleteRange(low, high)
			},
			func(s storage.Store) error {
				var gone []uint64
				for i := uint64(1); i <= 10; i++ {
					if i < from || i > to {
						gone = append(gone, i)
					}
				}
				return errors.Join(has(s, entries(from, to, 1)...), lacks(s, gone...))
			})
	}
}

// deletingInverted does not say whether it is an error.
func deletingInverted(l *lab) error {
	return l.lasting(
		func(s storage.Store) error {
			err := s.StoreLogs(entries(1, 10, 1))
			_, _ = s.DeleteRange(6, 5), s.DeleteRange(10, 1)
			return err
		},
		having(entries(1, 10, 1)...))
}

// cutAcross cuts a log of 640 KiB, which is several of whatever a store has,
// and wants from to to left.
func cutAcross(cut func(storage.Store) error, from, to uint64) func(*lab) error {
	return func(l *lab) error {
		var logs []*raft.Log
		for i := uint64(1); i <= 160; i++ {
			e := entry(i, 1)
			e.Data = append(e.Data, make([]byte, 4<<10)...)
			logs = append(logs, e)
		}
		return l.lasting(
			func(s storage.Store) error {
				for i := 0; i < len(logs); i += 8 {
					if err := storing(logs[i : i+8]...)(s); err != nil {
						return err
					}
				}
				return cut(s)
			},
			func(s storage.Store) error {
				for i := uint64(1); i <= 160; i++ {
					if i >= from && i <= to {
						continue
					}
					if err := lacks(s, i); err != nil {
						return err
					}
				}
				return has(s, logs[from-1:to]...)
			})
	}
}

func deleteLarge(l *lab) error {
	const n = 6000
	return l.lasting(
		func(s storage.Store) error {
			for i := uint64(1); i <= n; i += 500 {
				if err := s.StoreLogs(entries(i, i+499, 1)); err != nil {
					return err
				}
			}
			return errors.Join(s.DeleteRange(1, n/2), s.DeleteRange(n-9, n))
		},
		func(s storage.Store) error {
			for i := uint64(1); i <= n/2; i++ {
				if err := lacks(s, i); err != nil {
					return err
				}
			}
			return has(s, entries(n/2+1, n-10, 1)...)
		})
}

func deleteStepwise(l *lab) error {
	return l.lasting(
		func(s storage.Store) error {
			if err := s.StoreLogs(entries(1, 40, 1)); err != nil {
				return err
			}
			for i := uint64(1); i <= 15; i++ {
				if err := errors.Join(s.DeleteRange(i, i), s.DeleteRange(41-i, 41-i)); err != nil {
					return fmt.Errorf("step %d: %w", i, err)
				}
			}
			return nil
		},
		having(entries(16, 25, 1)...))
}
