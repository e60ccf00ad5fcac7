package storerules

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
)

func logRules() []Rule {
	return []Rule{
		{Name: "empty", Says: "an empty store has bounds 0 and no entry", Check: emptyStore},
		{Name: "log-miss", Says: "GetLog of what is not there returns raft.ErrLogNotFound itself", Check: logMiss},
		{Name: "fields", Says: "every field of an entry is kept", Check: everyField},
		{Name: "one-by-one", Says: "entries stored one by one are all there", Check: oneByOne},
		{Name: "batch", Says: "entries stored together are all there", Check: bigBatch},
		{Name: "empty-batch", Says: "storing no entries changes nothing", Check: emptyBatch},
		{Name: "first-index", Says: "a log may begin at any index", Check: beginsAnywhere},
		{Name: "gap", Says: "a gap is stored, or refused whole by a store that is monotonic", Check: gap},
		{Name: "concurrent-reads", Says: "reads go on while the log is written", Check: concurrentReads},
	}
}

func emptyStore(l *Lab) error {
	nothing := func(storage.Store) error { return nil }
	return l.lasting(nothing, func(s storage.Store) error {
		return errors.Join(bounded(s, 0, 0), lacks(s, 0, 1, 1<<63))
	})
}

func logMiss(l *Lab) error {
	return l.lasting(
		func(s storage.Store) error { return s.StoreLogs(entries(10, 20, 1)) },
		func(s storage.Store) error { return lacks(s, 0, 1, 9, 21, 1<<63, 1<<64-1) })
}

func everyField(l *Lab) error {
	at := time.Unix(1700000000, 987654321)
	logs := []*raft.Log{
		{Index: 1, Term: 1},
		{Index: 2, Term: 1, Data: []byte{}, Extensions: []byte{}, AppendedAt: at},
		{Index: 3, Term: 1 << 60, Data: []byte("d"), Extensions: []byte("e"), AppendedAt: at.Add(time.Nanosecond)},
		{Index: 4, Term: 1 << 60, Data: bytes.Repeat([]byte{0, 0xff, 7}, 1<<20/3), AppendedAt: time.Now()},
		{Index: 5, Term: 1 << 60, AppendedAt: at.In(time.FixedZone("east", 5*3600+1800))},
	}
	for kind := raft.LogCommand; kind <= raft.LogConfiguration; kind++ {
		e := entry(uint64(len(logs))+1, 1<<60)
		e.Type = kind
		logs = append(logs, e)
	}
	return l.lasting(
		func(s storage.Store) error { return s.StoreLogs(logs) },
		func(s storage.Store) error {
			// Also into an entry that was used before: nothing of it may show through.
			used := raft.Log{Index: 99, Term: 99, Type: 99, Data: []byte("used"), Extensions: []byte("used"), AppendedAt: at}
			if err := s.GetLog(1, &used); err != nil {
				return err
			}
			return errors.Join(sameEntry(&used, logs[0]), has(s, logs...))
		})
}

func oneByOne(l *Lab) error {
	logs := entries(1, 40, 2)
	return l.lasting(
		func(s storage.Store) error {
			for _, e := range logs {
				if err := s.StoreLog(e); err != nil {
					return err
				}
			}
			return nil
		},
		func(s storage.Store) error { return has(s, logs...) })
}

func bigBatch(l *Lab) error {
	logs := entries(1, 3000, 2)
	return l.lasting(
		func(s storage.Store) error { return s.StoreLogs(logs) },
		func(s storage.Store) error { return has(s, logs...) })
}

func emptyBatch(l *Lab) error {
	return l.lasting(
		func(s storage.Store) error { return s.StoreLogs(nil) },
		func(s storage.Store) error { return has(s) })
}

func beginsAnywhere(l *Lab) error {
	logs := entries(5000, 5010, 3)
	return l.lasting(
		func(s storage.Store) error { return s.StoreLogs(logs) },
		func(s storage.Store) error { return has(s, logs...) })
}

func gap(l *Lab) error {
	before, after := entries(1, 3, 1), entries(7, 9, 1)
	monotonic := false
	return l.lasting(
		func(s storage.Store) error {
			if m, ok := s.(raft.MonotonicLogStore); ok {
				monotonic = m.IsMonotonic()
			}
			if err := s.StoreLogs(before); err != nil {
				return err
			}
			err := s.StoreLogs(after)
			if refused := err != nil; refused != monotonic {
				return fmt.Errorf("storing 7 to 9 after 3: got %v, though IsMonotonic is %v", err, monotonic)
			}
			return nil
		},
		func(s storage.Store) error {
			if monotonic {
				return has(s, before...)
			}
			return errors.Join(has(s, append(entries(1, 3, 1), after...)...), lacks(s, 4, 5, 6))
		})
}

func concurrentReads(l *Lab) error {
	const rounds = 30
	return l.with(storage.Options{}, func(s storage.Store) error {
		if err := s.StoreLogs(entries(1, 10, 1)); err != nil {
			return err
		}
		done := make(chan struct{})
		failed := make(chan error, 3)
		var readers sync.WaitGroup
		for range cap(failed) {
			readers.Go(func() { failed <- readUntil(s, done) })
		}
		err := churn(s, rounds)
		close(done)
		readers.Wait()
		close(failed)
		for e := range failed {
			err = errors.Join(err, e)
		}
		return err
	})
}

// churn appends, cuts the end and cuts the head; entries 8 to 10 stay.
func churn(s storage.Store, rounds int) error {
	for i := range rounds {
		if err := s.StoreLogs(entries(11, 20, 1)); err != nil {
			return err
		}
		if err := s.SetUint64([]byte("CurrentTerm"), uint64(i)); err != nil {
			return err
		}
		if err := s.DeleteRange(11, 20); err != nil {
			return err
		}
		if i == rounds/2 {
			if err := s.DeleteRange(1, 7); err != nil {
				return err
			}
		}
	}
	return nil
}

func readUntil(s storage.Store, done <-chan struct{}) error {
	for {
		select {
		case <-done:
			return nil
		default:
		}
		for i := uint64(1); i <= 20; i++ {
			var got raft.Log
			err := s.GetLog(i, &got)
			if err == raft.ErrLogNotFound && (i < 8 || i > 10) { //nolint:errorlint // the rule
				continue
			}
			if err != nil {
				return fmt.Errorf("GetLog(%d) while the log is written: %w", i, err)
			}
			if err := sameEntry(&got, entry(i, 1)); err != nil {
				return err
			}
		}
		if last, err := s.LastIndex(); err != nil || last < 10 {
			return fmt.Errorf("LastIndex while the log is written: got %d, error %v; want 10 or more", last, err)
		}
		if _, err := s.GetUint64([]byte("CurrentTerm")); err != nil && err.Error() != "not found" {
			return err
		}
	}
}
