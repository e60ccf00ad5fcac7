package storagetest

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/internal/lifecycle"
	"github.com/forkbikash/keyval/storage/memstore"
)

// A shelf is the honest store that wrong ones are made from. It keeps what its
// stores hold by directory, as a disk would, and makes no file.
type shelf struct {
	mu    sync.Mutex
	disks map[string]*disk
}

type disk struct {
	*memstore.Store
	dir   string
	held  bool
	opens int

	mu    sync.Mutex
	notes map[string]uint64 // what a wrong store remembers
	bytes map[string][]byte
}

func newShelf() *shelf { return &shelf{disks: make(map[string]*disk)} }

func (d *disk) note(name string) uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.notes[name]
}

func (d *disk) setNote(name string, n uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.notes[name] = n
}

// count adds one to a note and returns it.
func (d *disk) count(name string) uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.notes[name]++
	return d.notes[name]
}

// ends are the first and the last index. The disk is never closed, so there
// are no errors.
func (d *disk) ends() (first, last uint64) {
	first, _ = d.FirstIndex()
	last, _ = d.LastIndex()
	return first, last
}

var errHeld = errors.New("somebody has the store open")

func (sh *shelf) open(dir string, o storage.Options) (storage.Store, error) {
	if o.Arg != "" {
		return nil, &storage.ArgError{Reason: fmt.Sprintf("%q: there are no settings", o.Arg)}
	}
	if _, err := os.Stat(dir); err != nil {
		return nil, err
	}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	d := sh.disks[dir]
	if d == nil {
		if o.ReadOnly {
			return nil, errors.New("there is no store to read")
		}
		d = &disk{Store: memstore.New(), dir: dir, notes: make(map[string]uint64), bytes: make(map[string][]byte)}
		sh.disks[dir] = d
	}
	if d.held {
		return nil, errHeld
	}
	d.held = true
	d.opens++
	s := &session{shelf: sh, disk: d}
	s.gate.ReadOnly = o.ReadOnly
	return s, nil
}

// A session is a disk that is open.
type session struct {
	gate  lifecycle.Gate
	shelf *shelf
	*disk
}

func (s *session) Close() error {
	return s.gate.Close(func() error {
		s.shelf.mu.Lock()
		defer s.shelf.mu.Unlock()
		s.held = false
		return nil
	})
}

func (s *session) read(do func() error) error {
	if err := s.gate.Enter(); err != nil {
		return err
	}
	defer s.gate.Leave()
	return do()
}

func (s *session) write(do func() error) error {
	if err := s.gate.EnterWrite(); err != nil {
		return err
	}
	defer s.gate.Leave()
	return do()
}

func (s *session) FirstIndex() (i uint64, err error) {
	err = s.read(func() error { i, err = s.disk.FirstIndex(); return err })
	return i, err
}

func (s *session) LastIndex() (i uint64, err error) {
	err = s.read(func() error { i, err = s.disk.LastIndex(); return err })
	return i, err
}

func (s *session) GetLog(i uint64, l *raft.Log) error {
	return s.read(func() error { return s.disk.GetLog(i, l) })
}

func (s *session) Get(key []byte) (value []byte, err error) {
	err = s.read(func() error { value, err = s.disk.Get(key); return err })
	return value, err
}

func (s *session) GetUint64(key []byte) (value uint64, err error) {
	err = s.read(func() error { value, err = s.disk.GetUint64(key); return err })
	return value, err
}

func (s *session) StoreLog(l *raft.Log) error { return s.StoreLogs([]*raft.Log{l}) }

func (s *session) StoreLogs(l []*raft.Log) error {
	return s.write(func() error { return s.disk.StoreLogs(l) })
}

func (s *session) DeleteRange(low, high uint64) error {
	return s.write(func() error { return s.disk.DeleteRange(low, high) })
}

func (s *session) Set(key, value []byte) error {
	return s.write(func() error { return s.disk.Set(key, value) })
}

func (s *session) SetUint64(key []byte, value uint64) error {
	return s.write(func() error { return s.disk.SetUint64(key, value) })
}

// contiguous is a session that is monotonic.
type contiguous struct{ *session }

func (contiguous) IsMonotonic() bool { return true }

func (s contiguous) StoreLog(l *raft.Log) error { return s.StoreLogs([]*raft.Log{l}) }

func (s contiguous) StoreLogs(logs []*raft.Log) error {
	_, last := s.ends()
	for _, l := range logs {
		if last != 0 && l.Index != last+1 {
			return fmt.Errorf("%d does not follow %d", l.Index, last)
		}
		last = l.Index
	}
	return s.session.StoreLogs(logs)
}

// tracker is a session that tracks commits.
type tracker struct {
	*session
	staged *uint64
}

func (s tracker) StageCommitIndex(index uint64) error {
	*s.staged = index
	return nil
}

func (s tracker) GetCommitIndex() (uint64, error) {
	_, last := s.ends()
	return min(s.note("commit"), last), nil
}

func (s tracker) StoreLog(l *raft.Log) error { return s.StoreLogs([]*raft.Log{l}) }

func (s tracker) StoreLogs(logs []*raft.Log) error {
	s.setNote("commit", *s.staged)
	return s.session.StoreLogs(logs)
}
