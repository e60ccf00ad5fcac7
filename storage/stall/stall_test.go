package stall_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/memstore"
	"github.com/forkbikash/keyval/storage/stall"
)

const timeout = 5 * time.Second

// slow takes delay over every call.
type slow struct {
	storage.Store
	delay atomic.Int64
}

func newSlow(s storage.Store, delay time.Duration) *slow {
	disk := &slow{Store: s}
	disk.delay.Store(int64(delay))
	return disk
}

func (s *slow) wait() { time.Sleep(time.Duration(s.delay.Load())) }

func (s *slow) FirstIndex() (uint64, error)        { s.wait(); return s.Store.FirstIndex() }
func (s *slow) LastIndex() (uint64, error)         { s.wait(); return s.Store.LastIndex() }
func (s *slow) GetLog(i uint64, l *raft.Log) error { s.wait(); return s.Store.GetLog(i, l) }
func (s *slow) StoreLog(l *raft.Log) error         { s.wait(); return s.Store.StoreLog(l) }
func (s *slow) StoreLogs(l []*raft.Log) error      { s.wait(); return s.Store.StoreLogs(l) }
func (s *slow) DeleteRange(low, high uint64) error { s.wait(); return s.Store.DeleteRange(low, high) }
func (s *slow) Set(k, v []byte) error              { s.wait(); return s.Store.Set(k, v) }
func (s *slow) SetUint64(k []byte, v uint64) error { s.wait(); return s.Store.SetUint64(k, v) }
func (s *slow) Get(k []byte) ([]byte, error)       { s.wait(); return s.Store.Get(k) }
func (s *slow) GetUint64(k []byte) (uint64, error) { s.wait(); return s.Store.GetUint64(k) }

var calls = map[string]func(storage.Store) error{
	"FirstIndex":  func(s storage.Store) error { _, err := s.FirstIndex(); return err },
	"LastIndex":   func(s storage.Store) error { _, err := s.LastIndex(); return err },
	"GetLog":      func(s storage.Store) error { return s.GetLog(1, new(raft.Log)) },
	"StoreLog":    func(s storage.Store) error { return s.StoreLog(&raft.Log{Index: 1}) },
	"StoreLogs":   func(s storage.Store) error { return s.StoreLogs([]*raft.Log{{Index: 1}}) },
	"DeleteRange": func(s storage.Store) error { return s.DeleteRange(9, 9) },
	"Set":         func(s storage.Store) error { return s.Set([]byte("k"), nil) },
	"SetUint64":   func(s storage.Store) error { return s.SetUint64([]byte("n"), 1) },
	"Get":         func(s storage.Store) error { _, err := s.Get([]byte("k")); return err },
	"GetUint64":   func(s storage.Store) error { _, err := s.GetUint64([]byte("n")); return err },
}

// filled has what each of calls wants to read.
func filled(t *testing.T) storage.Store {
	t.Helper()
	s := memstore.New()
	if err := errors.Join(s.StoreLog(&raft.Log{Index: 1}), s.Set([]byte("k"), nil), s.SetUint64([]byte("n"), 1)); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestCallThatHangs(t *testing.T) {
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				disk := newSlow(filled(t), time.Hour)
				reports := make(chan error, 2)
				s := stall.Wrap(disk, timeout, func(err error) { reports <- err })
				began := time.Now()
				returned := make(chan error, 1)
				go func() { returned <- call(s) }()

				var hung *stall.Error
				if err := <-reports; !errors.As(err, &hung) || hung.Call != name || hung.Timeout != timeout {
					t.Errorf("got the report %v, want one of %s", err, name)
				}
				if took := time.Since(began); took != timeout {
					t.Errorf("reported after %v of virtual time, want %v", took, timeout)
				}
				// The disk is well again: it is not to be believed.
				disk.delay.Store(0)
				for later, call := range calls {
					if err := call(s); !errors.As(err, &hung) {
						t.Errorf("%s afterwards: got %v, want a stall", later, err)
					}
				}
				if err := <-returned; !errors.As(err, &hung) {
					t.Errorf("the call that hung returned %v, want a stall", err)
				}
				if len(reports) != 0 {
					t.Errorf("reported again: %v", <-reports)
				}
			})
		})
	}
}

func TestSlowIsNotHung(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := stall.Wrap(newSlow(filled(t), timeout-time.Millisecond), timeout, func(err error) { t.Errorf("reported: %v", err) })
		for name, call := range calls {
			if err := call(s); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// A call that was quick returns an error all the same when another hangs: what
// it wrote lies behind what may land later.
func TestCallBesideOneThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newSlow(filled(t), 2*timeout)
		s := stall.Wrap(disk, timeout, nil)
		hangs := make(chan error, 1)
		go func() { hangs <- s.StoreLog(&raft.Log{Index: 2}) }()
		time.Sleep(timeout - time.Second)
		disk.delay.Store(int64(2 * time.Second))
		var hung *stall.Error
		if err := s.Set([]byte("k"), nil); !errors.As(err, &hung) || hung.Call != "StoreLog" {
			t.Errorf("got %v, want the stall of the other", err)
		}
		if err := <-hangs; !errors.As(err, &hung) {
			t.Errorf("the one that hung returned %v, want a stall", err)
		}
	})
}

func TestAnswersPassUnchanged(t *testing.T) {
	s := stall.Wrap(memstore.New(), timeout, nil)
	if err := s.GetLog(1, new(raft.Log)); err != raft.ErrLogNotFound { //nolint:errorlint // Raft compares so
		t.Errorf("got %v, want raft.ErrLogNotFound itself", err)
	}
	if _, err := s.Get([]byte("k")); err == nil || err.Error() != "not found" {
		t.Errorf("got %v, want not found", err)
	}
}

type monotonicStore struct {
	storage.Store
	answer bool
}

func (m monotonicStore) IsMonotonic() bool { return m.answer }

func TestWrapForwardsWhatTheStoreHas(t *testing.T) {
	if _, ok := stall.Wrap(memstore.New(), timeout, nil).(raft.MonotonicLogStore); ok {
		t.Error("a store that does not say whether it is monotonic does when watched")
	}
	for _, want := range []bool{true, false} {
		m, ok := stall.Wrap(monotonicStore{memstore.New(), want}, timeout, nil).(raft.MonotonicLogStore)
		if !ok || m.IsMonotonic() != want {
			t.Errorf("got a watched store that is monotonic: %v, says so: %v; want %v", ok && m.IsMonotonic(), ok, want)
		}
	}
}

// BenchmarkWatch is what watching a call costs.
func BenchmarkWatch(b *testing.B) {
	for _, bc := range []struct {
		name string
		s    storage.Store
	}{
		{"bare", memstore.New()},
		{"watched", stall.Wrap(memstore.New(), timeout, nil)},
	} {
		b.Run(bc.name, func(b *testing.B) {
			for b.Loop() {
				if err := bc.s.SetUint64([]byte("n"), 1); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
