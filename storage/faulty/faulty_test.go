package faulty_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/faulty"
	"github.com/forkbikash/keyval/storage/memstore"
)

var errDisk = errors.New("disk on fire")

// ops are all calls but Close, on a store that holds entry 1 and both keys.
var ops = map[faulty.Op]func(storage.Store) error{
	faulty.FirstIndex:  func(s storage.Store) error { _, err := s.FirstIndex(); return err },
	faulty.LastIndex:   func(s storage.Store) error { _, err := s.LastIndex(); return err },
	faulty.GetLog:      func(s storage.Store) error { return s.GetLog(1, new(raft.Log)) },
	faulty.StoreLogs:   func(s storage.Store) error { return s.StoreLogs(batch(2, 5)) },
	faulty.DeleteRange: func(s storage.Store) error { return s.DeleteRange(2, 5) },
	faulty.Get:         func(s storage.Store) error { _, err := s.Get([]byte("k")); return err },
	faulty.GetUint64:   func(s storage.Store) error { _, err := s.GetUint64([]byte("n")); return err },
	faulty.Set:         func(s storage.Store) error { return s.Set([]byte("k"), []byte("v")) },
	faulty.SetUint64:   func(s storage.Store) error { return s.SetUint64([]byte("n"), 1) },
}

func batch(from, to uint64) []*raft.Log {
	var logs []*raft.Log
	for i := from; i <= to; i++ {
		logs = append(logs, &raft.Log{Index: i, Term: 1, Data: fmt.Append(nil, i)})
	}
	return logs
}

func filled(t *testing.T, script *faulty.Script) (wrapped, inner storage.Store) {
	t.Helper()
	inner = memstore.New()
	if err := errors.Join(inner.StoreLogs(batch(1, 1)), inner.Set([]byte("k"), nil), inner.SetUint64([]byte("n"), 0)); err != nil {
		t.Fatal(err)
	}
	return faulty.Wrap(inner, script), inner
}

func TestErrorAtTheChosenCalls(t *testing.T) {
	for op, call := range ops {
		t.Run(fmt.Sprintf("op %b", op), func(t *testing.T) {
			var script faulty.Script
			s, _ := filled(t, &script)
			script.Inject(faulty.Fault{On: op, After: 2, Times: 2, Err: errDisk})
			for i := range 6 {
				err := call(s)
				if failed := errors.Is(err, errDisk); failed != (i == 2 || i == 3) {
					t.Errorf("call %d: got %v", i, err)
				}
			}
			for other, call := range ops {
				if err := call(s); err != nil {
					t.Errorf("op %b: got %v, want no fault", other, err)
				}
			}
			if got := script.Calls(op); got != 7 {
				t.Errorf("got %d calls, want 7", got)
			}
			if got := script.Calls(faulty.Reads | faulty.Writes); got != 6+len(ops) {
				t.Errorf("got %d calls in all, want %d", got, 6+len(ops))
			}
		})
	}
}

func TestWhatLandsBeforeTheError(t *testing.T) {
	for _, tc := range []struct {
		lands int
		last  uint64
	}{{0, 1}, {1, 2}, {3, 4}, {9, 5}, {faulty.All, 5}} {
		var script faulty.Script
		s, inner := filled(t, &script)
		script.Inject(faulty.Fault{On: faulty.Writes, Err: errDisk, Lands: tc.lands})
		if err := s.StoreLogs(batch(2, 5)); !errors.Is(err, errDisk) {
			t.Errorf("got %v, want the error", err)
		}
		if last, err := inner.LastIndex(); err != nil || last != tc.last {
			t.Errorf("Lands %d: got last index %d, error %v; want %d", tc.lands, last, err, tc.last)
		}
		if err := s.SetUint64([]byte("n"), 7); !errors.Is(err, errDisk) {
			t.Errorf("got %v, want the error", err)
		}
		if n, _ := inner.GetUint64([]byte("n")); (n == 7) != (tc.lands != 0) {
			t.Errorf("Lands %d: got number %d", tc.lands, n)
		}
	}
}

func TestFirstFaultWinsUntilCleared(t *testing.T) {
	var script faulty.Script
	s, _ := filled(t, &script)
	errOther := errors.New("other")
	script.Inject(faulty.Fault{On: faulty.Set, Times: 1, Err: errDisk})
	script.Inject(faulty.Fault{On: faulty.Writes, Err: errOther})
	for i, want := range []error{errDisk, errOther} {
		if err := ops[faulty.Set](s); !errors.Is(err, want) {
			t.Errorf("call %d: got %v, want %v", i, err, want)
		}
	}
	script.Clear()
	if err := ops[faulty.Set](s); err != nil {
		t.Errorf("cleared: got %v", err)
	}
}

func TestDelayAndHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var script faulty.Script
		s, inner := filled(t, &script)
		script.Inject(faulty.Fault{On: faulty.StoreLogs, Times: 1, Delay: time.Minute})
		began := time.Now()
		if err := s.StoreLog(batch(2, 2)[0]); err != nil || time.Since(began) != time.Minute {
			t.Errorf("delayed: got %v after %v", err, time.Since(began))
		}
		wake := make(chan struct{})
		script.Inject(faulty.Fault{On: faulty.StoreLogs, Hang: wake})
		var writers sync.WaitGroup
		for i := range uint64(3) {
			writers.Go(func() {
				if err := s.StoreLogs(batch(3+i, 3+i)); err != nil {
					t.Errorf("woken: %v", err)
				}
			})
		}
		synctest.Wait()
		if last, _ := inner.LastIndex(); last != 2 || script.Hanging() != 3 {
			t.Errorf("got last index %d, %d hanging; want 2 and 3", last, script.Hanging())
		}
		close(wake)
		writers.Wait()
		if last, _ := inner.LastIndex(); last != 5 || script.Hanging() != 0 {
			t.Errorf("woken: got last index %d, %d hanging; want 5 and 0", last, script.Hanging())
		}
	})
}

func TestPanicLieAndClose(t *testing.T) {
	var script faulty.Script
	s, inner := filled(t, &script)
	script.Inject(faulty.Fault{On: faulty.GetLog, Alter: func(l *raft.Log) { l.Term++ }})
	var lied, kept raft.Log
	if err := errors.Join(s.GetLog(1, &lied), inner.GetLog(1, &kept)); err != nil || lied.Term != 2 || kept.Term != 1 {
		t.Errorf("got terms %d and %d, error %v; want 2 and 1", lied.Term, kept.Term, err)
	}
	script.Inject(faulty.Fault{On: faulty.DeleteRange, Panic: "mad"})
	func() {
		defer func() {
			if got := recover(); got != "mad" {
				t.Errorf("got panic %v, want mad", got)
			}
		}()
		_ = s.DeleteRange(1, 1) // it panics
	}()
	script.Inject(faulty.Fault{On: faulty.Close, Times: 1, Err: errDisk})
	if err := s.Close(); !errors.Is(err, errDisk) {
		t.Errorf("close: got %v", err)
	}
	if err := errors.Join(ops[faulty.Set](inner), s.Close()); err != nil {
		t.Errorf("closed: got %v", err)
	}
	if err := ops[faulty.Set](inner); err == nil {
		t.Error("the store is open after Close")
	}
}

type monotonicStore struct {
	storage.Store
	answer bool
}

func (m monotonicStore) IsMonotonic() bool { return m.answer }

func TestWrapForwardsWhatTheStoreHas(t *testing.T) {
	if _, ok := faulty.Wrap(memstore.New(), new(faulty.Script)).(raft.MonotonicLogStore); ok {
		t.Error("a store that does not say whether it is monotonic does when wrapped")
	}
	for _, want := range []bool{true, false} {
		m, ok := faulty.Wrap(monotonicStore{memstore.New(), want}, new(faulty.Script)).(raft.MonotonicLogStore)
		if !ok || m.IsMonotonic() != want {
			t.Errorf("got a store that is monotonic: %v, says so: %v; want %v", ok && m.IsMonotonic(), ok, want)
		}
	}
}

func ExampleWrap() {
	var script faulty.Script
	s := faulty.Wrap(memstore.New(), &script)
	script.Inject(faulty.Fault{On: faulty.StoreLogs, After: 1, Times: 1, Err: errDisk, Lands: 2})

	fmt.Println(s.StoreLogs(batch(1, 3)))
	fmt.Println(s.StoreLogs(batch(4, 9)))
	fmt.Println(s.LastIndex())
	// Output:
	// <nil>
	// disk on fire
	// 5 <nil>
}
