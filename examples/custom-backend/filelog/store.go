package filelog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/gofrs/flock"
	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
)

var (
	_ storage.Opener         = Open
	_ storage.Store          = (*Store)(nil)
	_ raft.MonotonicLogStore = (*Store)(nil)
)

var (
	errClosed   = errors.New("log store is closed")
	errReadOnly = errors.New("log store is open for reading only")

	// errNotFound has the text that Raft compares with.
	errNotFound = errors.New("not found")
)

// Store is a log store in one file. Its log is contiguous.
type Store struct {
	dir      string
	readOnly bool
	lock     *flock.Flock

	mu   sync.RWMutex
	file *os.File // nil once closed
	size int64    // where the next record goes
	err  error    // of the first write that failed: what is behind size is unknown since
	state
}

// IsMonotonic tells Raft that the log must not have gaps.
func (s *Store) IsMonotonic() bool { return true }

// FirstIndex returns the lowest index, 0 if there is none.
func (s *Store) FirstIndex() (uint64, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.file == nil {
		return 0, errClosed
	}
	if len(s.entries) == 0 {
		return 0, nil
	}
	return s.first, nil
}

// LastIndex returns the highest index, 0 if there is none.
func (s *Store) LastIndex() (uint64, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.file == nil {
		return 0, errClosed
	}
	return s.last(), nil
}

// GetLog reads the entry at index into log, and checks it.
func (s *Store) GetLog(index uint64, log *raft.Log) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.file == nil {
		return errClosed
	}
	if len(s.entries) == 0 || index < s.first || index > s.last() {
		return raft.ErrLogNotFound
	}
	l, err := s.readEntry(s.entries[index-s.first])
	if err == nil && l.Index != index {
		err = errDamaged
	}
	if err != nil {
		return fmt.Errorf("read log entry %d: %w", index, err)
	}
	*log = l
	return nil
}

func (s *Store) readEntry(p position) (raft.Log, error) {
	b := make([]byte, p.size)
	if _, err := s.file.ReadAt(b, p.at); err != nil {
		return raft.Log{}, err
	}
	l, _, err := cutEntry(b)
	return l, err
}

// StoreLog stores one entry.
func (s *Store) StoreLog(log *raft.Log) error { return s.StoreLogs([]*raft.Log{log}) }

// StoreLogs appends entries, all or none. The first follows the last one there,
// unless the log is empty.
func (s *Store) StoreLogs(logs []*raft.Log) error {
	payload := []byte{kindEntries}
	for i, l := range logs {
		if l.Index != logs[0].Index+uint64(i) {
			return fmt.Errorf("log entry %d is behind %d: this log has no gaps", l.Index, logs[i-1].Index)
		}
		var err error
		if payload, err = appendEntry(payload, l); err != nil {
			return err
		}
	}
	return s.write(func() ([]byte, error) {
		if len(logs) == 0 {
			return nil, nil
		}
		if last := s.last(); len(s.entries) > 0 && logs[0].Index != last+1 {
			return nil, fmt.Errorf("log entry %d is behind %d: this log has no gaps", logs[0].Index, last)
		}
		return payload, nil
	})
}

// DeleteRange removes the entries from low to high, both included. They must be
// the beginning or the end of the log.
func (s *Store) DeleteRange(low, high uint64) error {
	err := s.write(func() ([]byte, error) {
		last := s.last()
		if len(s.entries) == 0 || low > high || low > last || high < s.first {
			return nil, nil
		}
		if low > s.first && high < last {
			return nil, fmt.Errorf("delete log entries %d to %d: that leaves a gap between %d and %d", low, high, s.first, last)
		}
		payload := binary.BigEndian.AppendUint64([]byte{kindDelete}, max(low, s.first))
		return binary.BigEndian.AppendUint64(payload, min(high, last)), nil
	})
	if err != nil {
		return err
	}
	return s.compact()
}

// Set stores a value.
func (s *Store) Set(key, value []byte) error {
	return s.write(func() ([]byte, error) { return append(appendBytes([]byte{kindValue}, key), value...), nil })
}

// Get returns a copy of a value.
func (s *Store) Get(key []byte) ([]byte, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.file == nil {
		return nil, errClosed
	}
	value, ok := s.values[string(key)]
	if !ok {
		return nil, errNotFound
	}
	return bytes.Clone(value), nil
}

// SetUint64 stores a number. Numbers and values have keys of their own.
func (s *Store) SetUint64(key []byte, value uint64) error {
	return s.write(func() ([]byte, error) {
		return binary.BigEndian.AppendUint64(appendBytes([]byte{kindNumber}, key), value), nil
	})
}

// GetUint64 returns a number.
func (s *Store) GetUint64(key []byte) (uint64, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.file == nil {
		return 0, errClosed
	}
	n, ok := s.numbers[string(key)]
	if !ok {
		return 0, errNotFound
	}
	return n, nil
}

// write appends the payload that record returns, unless it is nil, and syncs
// it. After a write that failed there is no other: whether a part of it is on
// disk, nobody knows.
func (s *Store) write(record func() ([]byte, error)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.writable(); err != nil {
		return err
	}
	payload, err := record()
	if err != nil || payload == nil {
		return err
	}
	b := appendRecord(nil, s.size, payload)
	if _, err := s.file.WriteAt(b, s.size); err != nil {
		return s.fail(err)
	}
	if err := s.file.Sync(); err != nil {
		return s.fail(err)
	}
	if err := s.apply(s.size+headerSize, payload); err != nil {
		return s.fail(err)
	}
	s.size += int64(len(b))
	return nil
}

func (s *Store) writable() error {
	switch {
	case s.file == nil:
		return errClosed
	case s.readOnly:
		return errReadOnly
	}
	return s.err
}

func (s *Store) fail(err error) error {
	s.err = fmt.Errorf("write to the log store in %s: %w", s.dir, err)
	return s.err
}

// Close closes the file and gives the directory back.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return nil
	}
	err := errors.Join(s.file.Close(), s.lock.Close())
	s.file = nil
	return err
}
