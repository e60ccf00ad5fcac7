package storagetest

import (
	"errors"
	"fmt"
	"sync"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
)

// Run these with -race as well: it finds what a check can only meet by chance.
func concurrencyRules() []Rule {
	const replicates = "replication.go:setNewLogs"
	return []Rule{
		{Name: "readers-together", Says: "several may read at once", Relies: replicates, check: during(1, 10, func(storage.Store, int) error { return nil })},
		{Name: "read-while-appending", Says: "reads go on while the log grows", Relies: replicates, check: during(1, 10, grow)},
		{Name: "read-while-cutting", Says: "reads go on while both ends of the log are cut", Relies: replicates, check: during(8, 10, churn)},
		{Name: "cut-while-appending", Says: "the beginning is cut while the end grows: Raft compacts beside its main loop", Relies: "snapshot.go:takeSnapshot", check: cutWhileAppending},
		{Name: "stable-while-appending", Says: "the stable store is used while the log grows", Relies: promised, check: stableWhileAppending},
		{Name: "close-while-reading", Says: "Close while others read makes errors at worst", Relies: promised, check: closeWhileReading},
	}
}

const rounds = 30

// together runs each of them in a goroutine and returns what went wrong. A
// panic of one is its error.
func together(each ...func() error) error {
	errs := make([]error, len(each))
	var all sync.WaitGroup
	for i, do := range each {
		all.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					errs[i] = panicError(p)
				}
			}()
			errs[i] = do()
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// during stores entries 1 to 10 and calls write again and again while others
// read; from to to are entries that write leaves alone.
func during(from, to uint64, write func(s storage.Store, round int) error) func(*lab) error {
	return func(l *lab) error {
		return l.with(storage.Options{}, func(s storage.Store) error {
			if err := s.StoreLogs(entries(1, 10, 1)); err != nil {
				return err
			}
			done := make(chan struct{})
			var begun sync.WaitGroup
			begun.Add(3)
			read := func() error {
				return readUntil(done, begun.Done, func() error { return readAll(s, from, to) })
			}
			return together(read, read, read, func() error {
				defer close(done)
				begun.Wait()
				for i := range rounds {
					if err := write(s, i); err != nil {
						return fmt.Errorf("round %d: %w", i, err)
					}
				}
				return nil
			})
		})
	}
}

// readUntil calls read until done, the first time before it reports that it has
// begun.
func readUntil(done <-chan struct{}, begun func(), read func() error) error {
	err := read()
	begun()
	for err == nil {
		select {
		case <-done:
			return nil
		default:
			err = read()
		}
	}
	return err
}

func readAll(s storage.Store, from, to uint64) error {
	for i := uint64(1); i <= 20; i++ {
		var got raft.Log
		err := s.GetLog(i, &got)
		if err == raft.ErrLogNotFound && (i < from || i > to) { //nolint:errorlint // the rule
			continue
		}
		if err != nil {
			return fmt.Errorf("GetLog(%d) while others use the store: %w", i, err)
		}
		if err := sameEntry(&got, entry(i, 1)); err != nil {
			return err
		}
	}
	if first, err := s.FirstIndex(); err != nil || first == 0 || first > from {
		return fmt.Errorf("FirstIndex while others use the store: got %d, error %v; want 1 to %d", first, err, from)
	}
	if last, err := s.LastIndex(); err != nil || last < to {
		return fmt.Errorf("LastIndex while others use the store: got %d, error %v; want %d or more", last, err, to)
	}
	return nil
}

func grow(s storage.Store, round int) error {
	return s.StoreLog(entry(uint64(round)+11, 1))
}

func churn(s storage.Store, round int) error {
	if err := errors.Join(s.StoreLogs(entries(11, 20, 1)), s.DeleteRange(11, 20)); err != nil {
		return err
	}
	if round == rounds/2 {
		return s.DeleteRange(1, 7)
	}
	return nil
}

func cutWhileAppending(l *lab) error {
	const last, cut = 400, 20
	return l.lasting(
		func(s storage.Store) error {
			if err := s.StoreLogs(entries(1, 100, 1)); err != nil {
				return err
			}
			return together(
				func() error {
					for i := uint64(101); i <= last; i += 10 {
						if err := s.StoreLogs(entries(i, i+9, 1)); err != nil {
							return fmt.Errorf("append %d: %w", i, err)
						}
					}
					return nil
				},
				func() error {
					for i := uint64(1); i <= cut; i++ {
						if err := s.DeleteRange(i, i); err != nil {
							return fmt.Errorf("cut %d: %w", i, err)
						}
					}
					return nil
				})
		},
		having(entries(cut+1, last, 1)...))
}

func stableWhileAppending(l *lab) error {
	term := uint64(1)
	return l.lasting(
		func(s storage.Store) error {
			done := make(chan struct{})
			var begun sync.WaitGroup
			begun.Add(1)
			return together(
				func() error {
					return readUntil(done, begun.Done, func() error {
						term++
						return errors.Join(vote(s, term, "node1"), wantVote(s, term, "node1"))
					})
				},
				func() error {
					defer close(done)
					begun.Wait()
					for i := uint64(1); i <= rounds; i++ {
						if err := s.StoreLog(entry(i, 1)); err != nil {
							return err
						}
					}
					return nil
				})
		},
		func(s storage.Store) error {
			return errors.Join(has(s, entries(1, rounds, 1)...), wantVote(s, term, "node1"))
		})
}

// closeWhileReading takes any error for an answer once the store is closing.
func closeWhileReading(l *lab) error {
	s, err := l.open(l.dir, storage.Options{})
	if err != nil {
		return err
	}
	if err := fill(s); err != nil {
		return errors.Join(err, s.Close())
	}
	done := make(chan struct{})
	var begun sync.WaitGroup
	begun.Add(2)
	read := func() error {
		return readUntil(done, begun.Done, func() error {
			_ = reads(s)
			return nil
		})
	}
	err = together(read, read, func() error {
		defer close(done)
		begun.Wait()
		return s.Close()
	})
	return errors.Join(err, s.Close())
}
