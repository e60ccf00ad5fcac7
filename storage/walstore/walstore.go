package walstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/segment"

	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/internal/dirlock"
	"github.com/forkbikash/keyval/storage/internal/lifecycle"
	"github.com/forkbikash/keyval/storage/internal/stable"
)

var (
	_ storage.Opener         = Open
	_ storage.Store          = (*Store)(nil)
	_ raft.MonotonicLogStore = (*Store)(nil)
)

// maxEntry is the largest Data and Extensions together. raft-wal stores a
// larger frame than it reads back, so the bound is kept here; the rest of an
// entry takes less than 128 bytes.
const maxEntry = segment.MaxEntrySize - 128

// Store is a log store in segment files. Its log is contiguous.
type Store struct {
	gate lifecycle.Gate
	lock *dirlock.Lock
	wal  *wal.WAL
}

// IsMonotonic tells Raft that the log must not have gaps.
func (s *Store) IsMonotonic() bool { return true }

// FirstIndex returns the lowest index, 0 if there is none.
func (s *Store) FirstIndex() (uint64, error) {
	if err := s.gate.Enter(); err != nil {
		return 0, err
	}
	defer s.gate.Leave()
	return s.wal.FirstIndex()
}

// LastIndex returns the highest index, 0 if there is none.
func (s *Store) LastIndex() (uint64, error) {
	if err := s.gate.Enter(); err != nil {
		return 0, err
	}
	defer s.gate.Leave()
	return s.wal.LastIndex()
}

// GetLog reads the entry at index into log.
func (s *Store) GetLog(index uint64, log *raft.Log) error {
	if err := s.gate.Enter(); err != nil {
		return err
	}
	defer s.gate.Leave()
	// raft-wal counts the readers of a list of segments, but looks the list up
	// first and counts itself in after. A segment that was cut off in between is
	// closed under the reader, who then looks again, in the list of now. To fail
	// a second time takes a second cut.
	var err error
	for range maxLooks {
		if err = s.read(index, log); !errors.Is(err, os.ErrClosed) {
			break
		}
	}
	return err
}

// maxLooks is how often an entry is looked for whose segment was cut off.
const maxLooks = 10

func (s *Store) read(index uint64, log *raft.Log) error {
	// raft-wal goes on to serve entries cut from the head of the segment that it
	// appends to, until it is reopened.
	first, err := s.wal.FirstIndex()
	if err != nil {
		return err
	}
	if index < first {
		return raft.ErrLogNotFound
	}
	return s.wal.GetLog(index, log)
}

// StoreLog stores one entry.
func (s *Store) StoreLog(log *raft.Log) error { return s.StoreLogs([]*raft.Log{log}) }

// StoreLogs appends entries. The first follows the last one there, unless the
// log is empty; one that does not is an error, and nothing is stored.
func (s *Store) StoreLogs(logs []*raft.Log) error {
	if err := s.gate.EnterWrite(); err != nil {
		return err
	}
	defer s.gate.Leave()
	for _, l := range logs {
		if size := len(l.Data) + len(l.Extensions); size > maxEntry {
			return fmt.Errorf("log entry %d has %d bytes, this store takes %d", l.Index, size, maxEntry)
		}
	}
	return s.wal.StoreLogs(logs)
}

// DeleteRange removes the entries from low to high, both included. They must be
// the beginning or the end of the log.
func (s *Store) DeleteRange(low, high uint64) error {
	if err := s.gate.EnterWrite(); err != nil {
		return err
	}
	defer s.gate.Leave()
	last, err := s.wal.LastIndex()
	if err != nil || low > high || low > last {
		return err
	}
	// raft-wal adds one to the upper end, which must not overflow.
	return s.wal.DeleteRange(low, min(high, last))
}

// Set stores a value.
func (s *Store) Set(key, value []byte) error {
	if err := s.gate.EnterWrite(); err != nil {
		return err
	}
	defer s.gate.Leave()
	return s.wal.Set(key, value)
}

// Get returns a value. One that is empty is there: it is not nil.
func (s *Store) Get(key []byte) ([]byte, error) {
	if err := s.gate.Enter(); err != nil {
		return nil, err
	}
	defer s.gate.Leave()
	value, err := s.wal.Get(key)
	if err == nil && value == nil {
		return nil, stable.ErrNotFound
	}
	return value, err
}

// SetUint64 stores a number, as eight bytes under the key that Set would use.
func (s *Store) SetUint64(key []byte, value uint64) error {
	if err := s.gate.EnterWrite(); err != nil {
		return err
	}
	defer s.gate.Leave()
	return s.wal.SetUint64(key, value)
}

// GetUint64 returns a number.
func (s *Store) GetUint64(key []byte) (uint64, error) {
	value, err := s.Get(key)
	if err != nil {
		return 0, err
	}
	return stable.Uint64(binary.LittleEndian, key, value) // as raft-wal writes it
}

// Close closes the files and gives the directory back.
func (s *Store) Close() error {
	return s.gate.Close(func() error {
		return errors.Join(s.wal.Close(), s.lock.Release())
	})
}
