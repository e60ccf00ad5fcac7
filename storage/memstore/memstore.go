package memstore

import (
	"fmt"
	"slices"
	"sort"
	"sync"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/internal/lifecycle"
	"github.com/forkbikash/keyval/storage/internal/settings"
	"github.com/forkbikash/keyval/storage/internal/stable"
)

var (
	_ storage.Opener = Open
	_ storage.Store  = (*Store)(nil)
)

// Store is a log store in memory. Its log may have gaps.
type Store struct {
	gate lifecycle.Gate

	mu      sync.RWMutex
	log     []raft.Log // by index, none twice
	values  map[string][]byte
	numbers map[string]uint64
}

// New returns an empty store.
func New() *Store {
	return &Store{values: make(map[string][]byte), numbers: make(map[string]uint64)}
}

// Open returns an empty store. The directory is not looked at. Nothing can be
// there to be read, so o.ReadOnly is refused.
func Open(dir string, o storage.Options) (storage.Store, error) {
	if err := settings.Parse("inmem", o.Arg); err != nil {
		return nil, err
	}
	if o.ReadOnly {
		return nil, fmt.Errorf("open log store for reading: a store in memory leaves nothing in %s", dir)
	}
	return New(), nil
}

// at returns the position of the first entry with that index or a higher one.
func (s *Store) at(index uint64) int {
	return sort.Search(len(s.log), func(i int) bool { return s.log[i].Index >= index })
}

// FirstIndex returns the lowest index, 0 if there is none.
func (s *Store) FirstIndex() (uint64, error) {
	return s.bound(func(log []raft.Log) uint64 { return log[0].Index })
}

// LastIndex returns the highest index, 0 if there is none.
func (s *Store) LastIndex() (uint64, error) {
	return s.bound(func(log []raft.Log) uint64 { return log[len(log)-1].Index })
}

func (s *Store) bound(of func([]raft.Log) uint64) (uint64, error) {
	if err := s.gate.Enter(); err != nil {
		return 0, err
	}
	defer s.gate.Leave()
	s.mu.RLock()
	defer s.mu.RUnlock()
	if len(s.log) == 0 {
		return 0, nil
	}
	return of(s.log), nil
}

// GetLog copies the entry at index to log.
func (s *Store) GetLog(index uint64, log *raft.Log) error {
	if err := s.gate.Enter(); err != nil {
		return err
	}
	defer s.gate.Leave()
	s.mu.RLock()
	defer s.mu.RUnlock()
	i := s.at(index)
	if i == len(s.log) || s.log[i].Index != index {
		return raft.ErrLogNotFound
	}
	*log = clone(&s.log[i])
	return nil
}

// StoreLog stores one entry.
func (s *Store) StoreLog(log *raft.Log) error { return s.StoreLogs([]*raft.Log{log}) }

// StoreLogs stores entries, replacing those of the same index.
func (s *Store) StoreLogs(logs []*raft.Log) error {
	if err := s.gate.EnterWrite(); err != nil {
		return err
	}
	defer s.gate.Leave()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range logs {
		i := s.at(l.Index)
		if i < len(s.log) && s.log[i].Index == l.Index {
			s.log[i] = clone(l)
			continue
		}
		s.log = slices.Insert(s.log, i, clone(l))
	}
	return nil
}

// DeleteRange removes the entries from low to high, both included.
func (s *Store) DeleteRange(low, high uint64) error {
	if err := s.gate.EnterWrite(); err != nil {
		return err
	}
	defer s.gate.Leave()
	s.mu.Lock()
	defer s.mu.Unlock()
	if low > high {
		return nil
	}
	from, to := s.at(low), len(s.log)
	if high < s.lastLocked() {
		to = s.at(high + 1)
	}
	s.log = slices.Delete(s.log, from, to)
	return nil
}

func (s *Store) lastLocked() uint64 {
	if len(s.log) == 0 {
		return 0
	}
	return s.log[len(s.log)-1].Index
}

// Set stores a copy of value.
func (s *Store) Set(key, value []byte) error {
	if err := s.gate.EnterWrite(); err != nil {
		return err
	}
	defer s.gate.Leave()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values[string(key)] = append([]byte{}, value...)
	return nil
}

// Get returns a copy of the value.
func (s *Store) Get(key []byte) ([]byte, error) {
	if err := s.gate.Enter(); err != nil {
		return nil, err
	}
	defer s.gate.Leave()
	s.mu.RLock()
	defer s.mu.RUnlock()
	value, ok := s.values[string(key)]
	if !ok {
		return nil, stable.ErrNotFound
	}
	return append([]byte{}, value...), nil
}

// SetUint64 stores a number. Numbers and values have keys of their own.
func (s *Store) SetUint64(key []byte, value uint64) error {
	if err := s.gate.EnterWrite(); err != nil {
		return err
	}
	defer s.gate.Leave()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.numbers[string(key)] = value
	return nil
}

// GetUint64 returns a number.
func (s *Store) GetUint64(key []byte) (uint64, error) {
	if err := s.gate.Enter(); err != nil {
		return 0, err
	}
	defer s.gate.Leave()
	s.mu.RLock()
	defer s.mu.RUnlock()
	value, ok := s.numbers[string(key)]
	if !ok {
		return 0, stable.ErrNotFound
	}
	return value, nil
}

// Close forgets everything.
func (s *Store) Close() error {
	return s.gate.Close(func() error {
		s.log, s.values, s.numbers = nil, nil, nil
		return nil
	})
}

func clone(l *raft.Log) raft.Log {
	c := *l
	c.Data = slices.Clone(l.Data)
	c.Extensions = slices.Clone(l.Extensions)
	return c
}
