package stall

import (
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
)

var (
	_ storage.Store          = (*watched)(nil)
	_ raft.MonotonicLogStore = (*monotonic)(nil)
)

// Error says that a call to a log store took too long. Every later call returns
// it too.
type Error struct {
	Call    string        // what hung, such as StoreLogs
	Timeout time.Duration // how long it was waited for
}

func (e *Error) Error() string {
	return fmt.Sprintf("the disk hangs: %s of the log store has not returned for %s", e.Call, e.Timeout)
}

// Wrap watches every call to s, reads too, but Close. The first that takes longer
// than timeout, which is positive, calls onStall with an [Error], once, on a
// goroutine of its own and while the call still hangs; nil is allowed. From then
// on the store is poisoned. What Wrap returns has the optional interfaces of
// hashicorp/raft that s has (at v1.7.3 there is one, MonotonicLogStore), and owns
// s: closing it closes s, and waits for s as long as that takes.
func Wrap(s storage.Store, timeout time.Duration, onStall func(error)) storage.Store {
	if onStall == nil {
		onStall = func(error) {}
	}
	w := &watched{inner: s, timeout: timeout, onStall: onStall}
	if m, ok := s.(raft.MonotonicLogStore); ok {
		return &monotonic{watched: w, inner: m}
	}
	return w
}

// monotonic is a watched store that also answers IsMonotonic. Having the method
// is what Raft asks about.
type monotonic struct {
	*watched
	inner raft.MonotonicLogStore
}

func (m *monotonic) IsMonotonic() bool { return m.inner.IsMonotonic() }

type watched struct {
	inner   storage.Store
	timeout time.Duration
	onStall func(error)

	mu      sync.Mutex
	stalled *Error
}

// watch runs do, which it cannot interrupt.
func (w *watched) watch(call string, do func() error) error {
	if err := w.poison(); err != nil {
		return err
	}
	t := time.AfterFunc(w.timeout, func() { w.stall(call) })
	err := do()
	// Where the timer has fired, whether or not it has come to the stall yet.
	if !t.Stop() {
		w.stall(call)
		return w.poison()
	}
	if poisoned := w.poison(); poisoned != nil { // by another call
		return poisoned
	}
	return err
}

func (w *watched) poison() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stalled == nil {
		return nil // not a nil *Error in an error
	}
	return w.stalled
}

func (w *watched) stall(call string) {
	w.mu.Lock()
	first := w.stalled == nil
	if first {
		w.stalled = &Error{Call: call, Timeout: w.timeout}
	}
	w.mu.Unlock()
	if first {
		w.onStall(w.poison())
	}
}

func (w *watched) FirstIndex() (index uint64, err error) {
	err = w.watch("FirstIndex", func() (err error) { index, err = w.inner.FirstIndex(); return err })
	return index, err
}

func (w *watched) LastIndex() (index uint64, err error) {
	err = w.watch("LastIndex", func() (err error) { index, err = w.inner.LastIndex(); return err })
	return index, err
}

func (w *watched) GetLog(index uint64, log *raft.Log) error {
	return w.watch("GetLog", func() error { return w.inner.GetLog(index, log) })
}

func (w *watched) StoreLog(log *raft.Log) error {
	return w.watch("StoreLog", func() error { return w.inner.StoreLog(log) })
}

func (w *watched) StoreLogs(logs []*raft.Log) error {
	return w.watch("StoreLogs", func() error { return w.inner.StoreLogs(logs) })
}

func (w *watched) DeleteRange(low, high uint64) error {
	return w.watch("DeleteRange", func() error { return w.inner.DeleteRange(low, high) })
}

func (w *watched) Set(key, value []byte) error {
	return w.watch("Set", func() error { return w.inner.Set(key, value) })
}

func (w *watched) SetUint64(key []byte, value uint64) error {
	return w.watch("SetUint64", func() error { return w.inner.SetUint64(key, value) })
}

func (w *watched) Get(key []byte) (value []byte, err error) {
	err = w.watch("Get", func() (err error) { value, err = w.inner.Get(key); return err })
	return value, err
}

func (w *watched) GetUint64(key []byte) (value uint64, err error) {
	err = w.watch("GetUint64", func() (err error) { value, err = w.inner.GetUint64(key); return err })
	return value, err
}

func (w *watched) Close() error { return w.inner.Close() }
