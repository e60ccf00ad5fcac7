package stall_test

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/faulty"
	"github.com/forkbikash/keyval/storage/memstore"
	"github.com/forkbikash/keyval/storage/stall"
)

const timeout = 8 * time.Second

// calls are all methods but Close.
var calls = map[string]struct {
	op faulty.Op
	do func(storage.Store) error
}{
	"FirstIndex":  {faulty.FirstIndex, func(s storage.Store) error { _, err := s.FirstIndex(); return err }},
	"LastIndex":   {faulty.LastIndex, func(s storage.Store) error { _, err := s.LastIndex(); return err }},
	"GetLog":      {faulty.GetLog, func(s storage.Store) error { return s.GetLog(1, new(raft.Log)) }},
	"StoreLog":    {faulty.StoreLogs, func(s storage.Store) error { return s.StoreLog(&raft.Log{Index: 1}) }},
	"StoreLogs":   {faulty.StoreLogs, func(s storage.Store) error { return s.StoreLogs([]*raft.Log{{Index: 1}}) }},
	"DeleteRange": {faulty.DeleteRange, func(s storage.Store) error { return s.DeleteRange(5, 6) }},
	"Get":         {faulty.Get, func(s storage.Store) error { _, err := s.Get([]byte("k")); return err }},
	"GetUint64":   {faulty.GetUint64, func(s storage.Store) error { _, err := s.GetUint64([]byte("n")); return err }},
	"Set":         {faulty.Set, func(s storage.Store) error { return s.Set([]byte("k"), nil) }},
	"SetUint64":   {faulty.SetUint64, func(s storage.Store) error { return s.SetUint64([]byte("n"), 1) }},
}

// A rig is a watched store over one that follows a script.
type rig struct {
	script  faulty.Script
	disk    storage.Store
	store   storage.Store
	watch   *stall.Watch
	mu      sync.Mutex
	reports []error
	at      time.Duration // of the last report, since the rig was made
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{disk: memstore.New()}
	err := errors.Join(r.disk.StoreLog(&raft.Log{Index: 1}), r.disk.Set([]byte("k"), nil), r.disk.SetUint64([]byte("n"), 0))
	if err != nil {
		t.Fatal(err)
	}
	made := time.Now()
	r.store, r.watch = stall.Wrap(faulty.Wrap(r.disk, &r.script), timeout, func(err error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.reports, r.at = append(r.reports, err), time.Since(made)
	})
	return r
}

func (r *rig) reported() []error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.reports
}

func isStall(err error, call string) bool {
	var hung *stall.Error
	return errors.As(err, &hung) && hung.Call == call && hung.After == timeout
}

// Each call that hangs poisons the store, whether or not it ever returns.
func TestCallThatHangs(t *testing.T) {
	for name, c := range calls {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				wake := make(chan struct{})
				r.script.Inject(faulty.Fault{On: c.op, Times: 1, Hang: wake})
				late := make(chan error, 1)
				go func() {
					err := c.do(r.store)
					if len(r.reported()) != 1 {
						t.Errorf("the call returned after %d reports, want 1", len(r.reported()))
					}
					late <- err
				}()
				time.Sleep(timeout - time.Nanosecond)
				synctest.Wait()
				if got := r.reported(); len(got) != 0 {
					t.Fatalf("before the timeout: got reports %v", got)
				}
				time.Sleep(time.Nanosecond)
				synctest.Wait()
				if got := r.reported(); len(got) != 1 || !isStall(got[0], name) || r.at != timeout {
					t.Fatalf("got reports %v at %v, want one at %v", got, r.at, timeout)
				}
				if err := r.watch.Err(); !isStall(err, name) {
					t.Errorf("got state %v", err)
				}
				before := r.script.Calls(faulty.Reads | faulty.Writes)
				for later, c := range calls {
					if err := c.do(r.store); !isStall(err, name) {
						t.Errorf("%s afterwards: got %v", later, err)
					}
				}
				if got := r.script.Calls(faulty.Reads | faulty.Writes); got != before {
					t.Errorf("%d later calls reached the disk", got-before)
				}
				if err := r.store.Close(); !isStall(err, name) {
					t.Errorf("close: got %v", err)
				}
				close(wake)
				if err := <-late; !isStall(err, name) {
					t.Errorf("the call returned late with %v", err)
				}
				if n := len(r.reported()); n != 1 {
					t.Errorf("got %d reports, want 1", n)
				}
			})
		})
	}
}

// A write that was given up lands, and still nobody is told of success.
func TestLateWriteLands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		wake := make(chan struct{})
		r.script.Inject(faulty.Fault{On: faulty.StoreLogs, Hang: wake})
		late := make(chan error, 1)
		go func() { late <- r.store.StoreLog(&raft.Log{Index: 2}) }()
		time.Sleep(timeout)
		synctest.Wait()
		close(wake)
		if err := <-late; !isStall(err, "StoreLog") {
			t.Errorf("got %v", err)
		}
		if last, err := r.disk.LastIndex(); err != nil || last != 2 {
			t.Errorf("got last index %d on disk, error %v; want 2", last, err)
		}
		if last, err := r.store.LastIndex(); err == nil {
			t.Errorf("the store answers %d", last)
		}
	})
}

// Calls under way beside the one that hangs are not acknowledged either.
func TestOtherCallsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		wake := make(chan struct{})
		defer close(wake)
		r.script.Inject(faulty.Fault{On: faulty.StoreLogs, Hang: wake})
		go func() { _ = r.store.StoreLog(&raft.Log{Index: 2}) }() // it hangs
		time.Sleep(timeout - time.Second)
		r.script.Inject(faulty.Fault{On: faulty.Set, Delay: 2 * time.Second})
		if err := r.store.Set([]byte("k"), nil); !isStall(err, "StoreLog") {
			t.Errorf("got %v", err)
		}
	})
}

// However long a store is in use, only one call's own time counts.
func TestSlowCallsAreNoStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.script.Inject(faulty.Fault{On: faulty.Writes | faulty.Reads, Delay: timeout - time.Second})
		var users sync.WaitGroup
		for range 3 {
			users.Go(func() {
				for range 20 {
					for name, c := range calls {
						if err := c.do(r.store); err != nil {
							t.Errorf("%s: %v", name, err)
						}
					}
				}
			})
		}
		users.Wait()
		if got := r.reported(); len(got) != 0 {
			t.Errorf("got reports %v", got)
		}
		if err := errors.Join(r.watch.Err(), r.store.Close()); err != nil {
			t.Error(err)
		}
	})
}

func TestErrWarnsAtHalfTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.script.Inject(faulty.Fault{On: faulty.StoreLogs, Times: 1, Delay: timeout * 3 / 4})
		done := make(chan error, 1)
		go func() { done <- r.store.StoreLog(&raft.Log{Index: 2}) }()
		for _, tc := range []struct {
			wait  time.Duration
			warns bool
		}{{timeout/2 - time.Nanosecond, false}, {time.Nanosecond, true}} {
			time.Sleep(tc.wait)
			synctest.Wait()
			if err := r.watch.Err(); (err != nil) != tc.warns {
				t.Errorf("got %v, want an error: %v", err, tc.warns)
			}
		}
		if err := <-done; err != nil {
			t.Errorf("got %v", err)
		}
		if err := r.watch.Err(); err != nil {
			t.Errorf("when it has returned: got %v", err)
		}
	})
}

// An idle store has no timer: the bubble could not end otherwise, nor would a
// hang be counted from when the call began.
func TestHangAfterIdling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		for range 5 {
			if err := r.store.StoreLog(&raft.Log{Index: 2}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour + 3*time.Second/7)
		}
		wake := make(chan struct{})
		defer close(wake)
		r.script.Inject(faulty.Fault{On: faulty.GetLog, Hang: wake})
		began := time.Now()
		go func() { _ = r.store.GetLog(1, new(raft.Log)) }() // it hangs
		for len(r.reported()) == 0 {
			time.Sleep(time.Millisecond)
			synctest.Wait()
		}
		if took := time.Since(began); took != timeout {
			t.Errorf("reported after %v, want %v", took, timeout)
		}
	})
}

func TestOnFailMayUseTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var script faulty.Script
		wake := make(chan struct{})
		defer close(wake)
		script.Inject(faulty.Fault{On: faulty.StoreLogs, Hang: wake})
		var s storage.Store
		told := make(chan struct{})
		s, _ = stall.Wrap(faulty.Wrap(memstore.New(), &script), timeout, func(error) {
			defer close(told)
			for name, err := range map[string]error{"write": s.SetUint64([]byte("k"), 1), "close": s.Close()} {
				if !isStall(err, "StoreLog") {
					t.Errorf("%s from onFail: got %v", name, err)
				}
			}
		})
		go func() { _ = s.StoreLog(&raft.Log{Index: 1}) }() // it hangs
		<-told
	})
}

func TestPanicIsNoCallUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.script.Inject(faulty.Fault{On: faulty.GetLog, Times: 1, Panic: "mad"})
		func() {
			defer func() {
				if got := recover(); got != "mad" {
					t.Errorf("got panic %v", got)
				}
			}()
			_ = r.store.GetLog(1, new(raft.Log)) // it panics
		}()
		time.Sleep(2 * timeout)
		if err := r.watch.Err(); err != nil {
			t.Errorf("got %v", err)
		}
	})
}

type monotonicStore struct {
	storage.Store
	answer bool
}

func (m monotonicStore) IsMonotonic() bool { return m.answer }

func TestWrapForwardsWhatTheStoreHas(t *testing.T) {
	bare, _ := stall.Wrap(memstore.New(), timeout, nil)
	if _, ok := bare.(raft.MonotonicLogStore); ok {
		t.Error("a store that does not say whether it is monotonic does when watched")
	}
	for _, want := range []bool{true, false} {
		s, _ := stall.Wrap(monotonicStore{memstore.New(), want}, timeout, nil)
		m, ok := s.(raft.MonotonicLogStore)
		if !ok || m.IsMonotonic() != want {
			t.Errorf("got a watched store that is monotonic: %v, says so: %v; want %v", ok && m.IsMonotonic(), ok, want)
		}
	}
}
