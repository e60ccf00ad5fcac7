package faulty

import (
	"errors"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/internal/optional"
)

var _ storage.Store = (*store)(nil)

// Wrap has s follow script. What it returns has the optional interfaces of
// hashicorp/raft that s has, and owns s: closing it closes s, unless script says
// otherwise.
func Wrap(s storage.Store, script *Script) storage.Store {
	return optional.Forward(&store{inner: s, script: script}, s)
}

type store struct {
	inner  storage.Store
	script *Script
}

func (s *store) FirstIndex() (uint64, error) {
	return read(s, FirstIndex, s.inner.FirstIndex)
}

func (s *store) LastIndex() (uint64, error) {
	return read(s, LastIndex, s.inner.LastIndex)
}

func (s *store) Get(key []byte) ([]byte, error) {
	return read(s, Get, func() ([]byte, error) { return s.inner.Get(key) })
}

func (s *store) GetUint64(key []byte) (uint64, error) {
	return read(s, GetUint64, func() (uint64, error) { return s.inner.GetUint64(key) })
}

func read[V any](s *store, op Op, do func() (V, error)) (V, error) {
	if f := s.script.begin(op); f.Err != nil {
		var none V
		return none, f.Err
	}
	return do()
}

func (s *store) GetLog(index uint64, log *raft.Log) error {
	f := s.script.begin(GetLog)
	if f.Err != nil {
		return f.Err
	}
	err := s.inner.GetLog(index, log)
	if err == nil && f.Alter != nil {
		f.Alter(log)
	}
	return err
}

func (s *store) StoreLog(log *raft.Log) error {
	f := s.script.begin(StoreLogs)
	return f.write(func() error { return s.inner.StoreLog(log) })
}

func (s *store) StoreLogs(logs []*raft.Log) error {
	f := s.script.begin(StoreLogs)
	if f.Err != nil && f.Lands >= 0 {
		logs = logs[:min(f.Lands, len(logs))]
	}
	return f.write(func() error { return s.inner.StoreLogs(logs) })
}

func (s *store) DeleteRange(low, high uint64) error {
	f := s.script.begin(DeleteRange)
	return f.write(func() error { return s.inner.DeleteRange(low, high) })
}

func (s *store) Set(key, value []byte) error {
	f := s.script.begin(Set)
	return f.write(func() error { return s.inner.Set(key, value) })
}

func (s *store) SetUint64(key []byte, value uint64) error {
	f := s.script.begin(SetUint64)
	return f.write(func() error { return s.inner.SetUint64(key, value) })
}

// write does the write, if it lands, and returns what it shall look like.
func (f *Fault) write(do func() error) error {
	if f.Err == nil {
		return do()
	}
	if f.Lands == 0 {
		return f.Err
	}
	return errors.Join(f.Err, do())
}

func (s *store) Close() error {
	if f := s.script.begin(Close); f.Err != nil {
		return f.Err
	}
	return s.inner.Close()
}
