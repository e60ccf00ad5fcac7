package stall

import (
	"time"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/internal/optional"
)

var _ storage.Store = (*store)(nil)

// Wrap watches the calls of s, which must return within timeout. One that does
// not calls onFail, once and from another goroutine; nil is allowed. See the
// package documentation for all that happens then. timeout is at least a
// millisecond.
//
// The store that Wrap returns has the optional interfaces of hashicorp/raft that
// s has, and owns s: closing it closes s, unless a call has hung. Then Close
// returns that error at once, and leaves s as it is: to close it would be to
// wait for the call.
func Wrap(s storage.Store, timeout time.Duration, onFail func(error)) (storage.Store, *Watch) {
	w := newWatch(timeout, onFail)
	return optional.Forward(&store{inner: s, watch: w}, s), w
}

type store struct {
	inner storage.Store
	watch *Watch
}

func (s *store) FirstIndex() (uint64, error) {
	return watched(s.watch, "FirstIndex", s.inner.FirstIndex)
}

func (s *store) LastIndex() (uint64, error) {
	return watched(s.watch, "LastIndex", s.inner.LastIndex)
}

func (s *store) Get(key []byte) ([]byte, error) {
	return watched(s.watch, "Get", func() ([]byte, error) { return s.inner.Get(key) })
}

func (s *store) GetUint64(key []byte) (uint64, error) {
	return watched(s.watch, "GetUint64", func() (uint64, error) { return s.inner.GetUint64(key) })
}

func watched[V any](w *Watch, call string, do func() (V, error)) (v V, err error) {
	err = w.do(call, func() (err error) {
		v, err = do()
		return err
	})
	return v, err
}

func (s *store) GetLog(index uint64, log *raft.Log) error {
	return s.watch.do("GetLog", func() error { return s.inner.GetLog(index, log) })
}

func (s *store) StoreLog(log *raft.Log) error {
	return s.watch.do("StoreLog", func() error { return s.inner.StoreLog(log) })
}

func (s *store) StoreLogs(logs []*raft.Log) error {
	return s.watch.do("StoreLogs", func() error { return s.inner.StoreLogs(logs) })
}

func (s *store) DeleteRange(low, high uint64) error {
	return s.watch.do("DeleteRange", func() error { return s.inner.DeleteRange(low, high) })
}

func (s *store) Set(key, value []byte) error {
	return s.watch.do("Set", func() error { return s.inner.Set(key, value) })
}

func (s *store) SetUint64(key []byte, value uint64) error {
	return s.watch.do("SetUint64", func() error { return s.inner.SetUint64(key, value) })
}

func (s *store) Close() error {
	if err := s.watch.stop(); err != nil {
		return err
	}
	return s.inner.Close()
}
