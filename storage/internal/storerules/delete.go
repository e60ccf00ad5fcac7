package storerules

import (
	"errors"
	"fmt"
	"math"

	"github.com/forkbikash/keyval/storage"
)

func deleteRules() []Rule {
	return []Rule{
		{Name: "delete-prefix", Says: "DeleteRange of the beginning takes both ends along", Check: deleting(1, 4, 5, 10)},
		{Name: "delete-below-prefix", Says: "DeleteRange may begin below the log", Check: deleting(0, 4, 5, 10)},
		{Name: "delete-first", Says: "DeleteRange of the first entry alone", Check: deleting(1, 1, 2, 10)},
		{Name: "delete-suffix", Says: "DeleteRange of the end takes both ends along", Check: deleting(8, 10, 1, 7)},
		{Name: "delete-above-suffix", Says: "DeleteRange may end above the log", Check: deleting(8, math.MaxUint64, 1, 7)},
		{Name: "delete-last", Says: "DeleteRange of the last entry alone", Check: deleting(10, 10, 1, 9)},
		{Name: "delete-all", Says: "DeleteRange of everything leaves an empty store", Check: deleting(1, 10, 1, 0)},
		{Name: "delete-beyond-all", Says: "DeleteRange of every index there can be leaves an empty store", Check: deleting(0, math.MaxUint64, 1, 0)},
		{Name: "delete-nothing", Says: "DeleteRange of what is not there is no error and changes nothing", Check: deleting(11, 20, 1, 10)},
		{Name: "delete-inverted", Says: "DeleteRange from high to low changes nothing", Check: deleting(6, 5, 1, 10)},
		{Name: "delete-large", Says: "DeleteRange of many entries takes each of them", Check: deleteLarge},
		{Name: "delete-stepwise", Says: "cutting both ends again and again leaves the middle", Check: deleteStepwise},
		{Name: "overwrite", Says: "what is stored after the end was cut replaces what was there", Check: overwrite},
		{Name: "restart-above", Says: "an emptied log may go on at a higher index, as after a snapshot", Check: restartAt(5000)},
		{Name: "restart-below", Says: "an emptied log may go on at a lower index", Check: restartAt(3)},
	}
}

// deleting removes low to high of entries 1 to 10, and wants from to to left.
func deleting(low, high, from, to uint64) func(*Lab) error {
	return func(l *Lab) error {
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

func deleteLarge(l *Lab) error {
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

func deleteStepwise(l *Lab) error {
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
		func(s storage.Store) error { return has(s, entries(16, 25, 1)...) })
}

func overwrite(l *Lab) error {
	return l.lasting(
		func(s storage.Store) error {
			return errors.Join(
				s.StoreLogs(entries(1, 10, 1)),
				s.DeleteRange(6, 10),
				s.StoreLogs(entries(6, 8, 2)))
		},
		func(s storage.Store) error { return has(s, append(entries(1, 5, 1), entries(6, 8, 2)...)...) })
}

func restartAt(index uint64) func(*Lab) error {
	return func(l *Lab) error {
		return l.lasting(
			func(s storage.Store) error {
				return errors.Join(
					s.StoreLogs(entries(100, 110, 1)),
					s.DeleteRange(100, 110),
					s.StoreLogs(entries(index, index+3, 2)))
			},
			func(s storage.Store) error {
				return errors.Join(has(s, entries(index, index+3, 2)...), lacks(s, 100, 110))
			})
	}
}
