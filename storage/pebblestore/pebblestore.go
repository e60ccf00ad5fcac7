package pebblestore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/internal/dirlock"
	"github.com/forkbikash/keyval/storage/internal/lifecycle"
	"github.com/forkbikash/keyval/storage/internal/stable"
)

var (
	_ storage.Opener = Open
	_ storage.Store  = (*Store)(nil)
)

// Store is a log store in a pebble tree. Its log may have gaps.
type Store struct {
	gate lifecycle.Gate
	lock *dirlock.Lock
	db   *pebble.DB

	writing sync.Mutex // one writer of the log at a time, so that bounds fit it

	mu     sync.RWMutex
	bounds bounds
}

// bounds are the lowest and highest index, kept because to find the first one
// in a tree means stepping over what was deleted before it. Both are 0 when
// the log is empty.
type bounds struct{ first, last uint64 }

// Keys: the prefix, then for an entry its index in the order of numbers.
const (
	logPrefix    = 'l'
	stablePrefix = 's'
)

func logKey(index uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{logPrefix}, index)
}

// afterLogKey is the lowest key above that of index.
func afterLogKey(index uint64) []byte { return append(logKey(index), 0) }

func stableKey(key []byte) []byte { return append([]byte{stablePrefix}, key...) }

// FirstIndex returns the lowest index, 0 if there is none.
func (s *Store) FirstIndex() (uint64, error) {
	b, err := s.currentBounds()
	return b.first, err
}

// LastIndex returns the highest index, 0 if there is none.
func (s *Store) LastIndex() (uint64, error) {
	b, err := s.currentBounds()
	return b.last, err
}

func (s *Store) currentBounds() (bounds, error) {
	if err := s.gate.Enter(); err != nil {
		return bounds{}, err
	}
	defer s.gate.Leave()
	return s.loadBounds(), nil
}

func (s *Store) loadBounds() bounds {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.bounds
}

func (s *Store) setBounds(b bounds) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bounds = b
}

// GetLog reads the entry at index into log.
func (s *Store) GetLog(index uint64, log *raft.Log) error {
	if err := s.gate.Enter(); err != nil {
		return err
	}
	defer s.gate.Leave()
	value, closer, err := s.db.Get(logKey(index))
	if errors.Is(err, pebble.ErrNotFound) {
		return raft.ErrLogNotFound
	}
	if err != nil {
		return fmt.Errorf("read log entry %d: %w", index, err)
	}
	entry, err := decodeEntry(value)
	if err == nil && entry.Index != index {
		err = fmt.Errorf("it says that it is %d", entry.Index)
	}
	if err := errors.Join(err, closer.Close()); err != nil {
		return fmt.Errorf("read log entry %d: %w", index, err)
	}
	*log = entry
	return nil
}

// StoreLog stores one entry.
func (s *Store) StoreLog(log *raft.Log) error { return s.StoreLogs([]*raft.Log{log}) }

// StoreLogs stores entries in one synced commit, replacing those of the same
// index.
func (s *Store) StoreLogs(logs []*raft.Log) error {
	if err := s.gate.EnterWrite(); err != nil {
		return err
	}
	defer s.gate.Leave()
	if len(logs) == 0 {
		return nil
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	batch := s.db.NewBatch()
	b := s.loadBounds()
	var value []byte
	for _, l := range logs {
		value = appendEntry(value[:0], l) // the batch copies it
		if err := batch.Set(logKey(l.Index), value, nil); err != nil {
			return errors.Join(err, batch.Close())
		}
		if b.first == 0 || l.Index < b.first {
			b.first = l.Index
		}
		b.last = max(b.last, l.Index)
	}
	if err := commit(batch); err != nil {
		return err
	}
	s.setBounds(b)
	return nil
}

// DeleteRange removes the entries from low to high, both included.
func (s *Store) DeleteRange(low, high uint64) error {
	if err := s.gate.EnterWrite(); err != nil {
		return err
	}
	defer s.gate.Leave()
	s.writing.Lock()
	defer s.writing.Unlock()
	b := s.loadBounds()
	low, high = max(low, b.first), min(high, b.last)
	if b.first == 0 || low > high {
		return nil // no tombstone for what is not there
	}
	batch := s.db.NewBatch()
	if err := batch.DeleteRange(logKey(low), afterLogKey(high), nil); err != nil {
		return errors.Join(err, batch.Close())
	}
	if err := commit(batch); err != nil {
		return err
	}
	b, err := s.boundsWithout(b, low, high)
	if err != nil {
		return err
	}
	s.setBounds(b)
	return nil
}

// boundsWithout returns what b becomes now that low to high is gone.
func (s *Store) boundsWithout(b bounds, low, high uint64) (bounds, error) {
	switch {
	case low == b.first && high == b.last:
		return bounds{}, nil
	case low == b.first:
		left, err := s.boundsIn(afterLogKey(high), afterLogKey(b.last))
		return bounds{left.first, b.last}, err
	case high == b.last:
		left, err := s.boundsIn(logKey(b.first), logKey(low))
		return bounds{b.first, left.last}, err
	}
	return b, nil
}

func (s *Store) readBounds() (bounds, error) {
	return s.boundsIn([]byte{logPrefix}, []byte{logPrefix + 1})
}

func (s *Store) boundsIn(from, to []byte) (b bounds, err error) {
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		return b, fmt.Errorf("read bounds of the log: %w", err)
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	if !it.First() {
		return b, it.Error()
	}
	if b.first, err = indexOf(it.Key()); err != nil {
		return b, err
	}
	if !it.Last() {
		return b, it.Error()
	}
	b.last, err = indexOf(it.Key())
	return b, err
}

func indexOf(key []byte) (uint64, error) {
	if len(key) != 9 {
		return 0, fmt.Errorf("key %x is not one of a log entry", key)
	}
	return binary.BigEndian.Uint64(key[1:]), nil
}

// Set stores a value in a synced commit.
func (s *Store) Set(key, value []byte) error {
	if err := s.gate.EnterWrite(); err != nil {
		return err
	}
	defer s.gate.Leave()
	return s.db.Set(stableKey(key), value, pebble.Sync)
}

// Get returns a value. One that is empty is there: it is not nil.
func (s *Store) Get(key []byte) ([]byte, error) {
	if err := s.gate.Enter(); err != nil {
		return nil, err
	}
	defer s.gate.Leave()
	value, closer, err := s.db.Get(stableKey(key))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, stable.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read %q: %w", key, err)
	}
	own := append([]byte{}, value...) // value is gone with its closer
	return own, closer.Close()
}

// SetUint64 stores a number, as eight bytes under the key that Set would use.
func (s *Store) SetUint64(key []byte, value uint64) error {
	return s.Set(key, binary.BigEndian.AppendUint64(nil, value))
}

// GetUint64 returns a number.
func (s *Store) GetUint64(key []byte) (uint64, error) {
	value, err := s.Get(key)
	if err != nil {
		return 0, err
	}
	return stable.Uint64(binary.BigEndian, key, value)
}

// Close closes the tree and gives the directory back.
func (s *Store) Close() error {
	return s.gate.Close(func() error {
		return errors.Join(s.db.Close(), s.lock.Release())
	})
}

func commit(batch *pebble.Batch) error {
	return errors.Join(batch.Commit(pebble.Sync), batch.Close())
}
