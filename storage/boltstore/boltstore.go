package boltstore

import (
	"encoding/binary"
	"errors"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"

	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/internal/dirlock"
	"github.com/forkbikash/keyval/storage/internal/lifecycle"
	"github.com/forkbikash/keyval/storage/internal/stable"
)

var (
	_ storage.Opener = Open
	_ storage.Store  = (*Store)(nil)
)

// Store is a log store in one bbolt file. Its log may have gaps.
type Store struct {
	gate lifecycle.Gate
	lock *dirlock.Lock
	db   *raftboltdb.BoltStore
}

// FirstIndex returns the lowest index, 0 if there is none.
func (s *Store) FirstIndex() (uint64, error) {
	if err := s.gate.Enter(); err != nil {
		return 0, err
	}
	defer s.gate.Leave()
	return s.db.FirstIndex()
}

// LastIndex returns the highest index, 0 if there is none.
func (s *Store) LastIndex() (uint64, error) {
	if err := s.gate.Enter(); err != nil {
		return 0, err
	}
	defer s.gate.Leave()
	return s.db.LastIndex()
}

// GetLog reads the entry at index into log.
func (s *Store) GetLog(index uint64, log *raft.Log) error {
	if err := s.gate.Enter(); err != nil {
		return err
	}
	defer s.gate.Leave()
	// Into a fresh entry: the decoder fills the slices that it finds, and those
	// of *log may have been handed on.
	var fresh raft.Log
	if err := s.db.GetLog(index, &fresh); err != nil {
		return err
	}
	*log = fresh
	return nil
}

// StoreLog stores one entry.
func (s *Store) StoreLog(log *raft.Log) error { return s.StoreLogs([]*raft.Log{log}) }

// StoreLogs stores entries in one transaction, replacing those of the same
// index.
func (s *Store) StoreLogs(logs []*raft.Log) error {
	if err := s.gate.EnterWrite(); err != nil {
		return err
	}
	defer s.gate.Leave()
	return s.db.StoreLogs(logs)
}

// DeleteRange removes the entries from low to high, both included.
func (s *Store) DeleteRange(low, high uint64) error {
	if err := s.gate.EnterWrite(); err != nil {
		return err
	}
	defer s.gate.Leave()
	if low > high {
		return nil
	}
	return s.db.DeleteRange(low, high)
}

// Set stores a value.
func (s *Store) Set(key, value []byte) error {
	if err := s.gate.EnterWrite(); err != nil {
		return err
	}
	defer s.gate.Leave()
	return s.db.Set(key, value)
}

// Get returns a value. One that is empty is there: it is not nil.
func (s *Store) Get(key []byte) ([]byte, error) {
	if err := s.gate.Enter(); err != nil {
		return nil, err
	}
	defer s.gate.Leave()
	value, err := s.db.Get(key)
	if err == nil && value == nil {
		value = []byte{}
	}
	return value, err
}

// SetUint64 stores a number, as eight bytes under the key that Set would use.
func (s *Store) SetUint64(key []byte, value uint64) error {
	if err := s.gate.EnterWrite(); err != nil {
		return err
	}
	defer s.gate.Leave()
	return s.db.SetUint64(key, value)
}

// GetUint64 returns a number.
func (s *Store) GetUint64(key []byte) (uint64, error) {
	value, err := s.Get(key)
	if err != nil {
		return 0, err
	}
	return stable.Uint64(binary.BigEndian, key, value)
}

// Close closes the file and gives the directory back.
func (s *Store) Close() error {
	return s.gate.Close(func() error {
		return errors.Join(s.db.Close(), s.lock.Release())
	})
}
