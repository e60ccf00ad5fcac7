package guard

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
)

var errStopped = errors.New("the machine stopped")

// machine lets so many writes through, of the log store and of files, and then
// stops: the next one happens as the machine says, and none after it.
type machine struct {
	left    int // writes until the stop; below 0 it never stops
	stopped bool
	last    string // of the write that it stops in, what happens: nothing, torn, all
}

// write says how much of a write happens.
func (m *machine) write() (how string, err error) {
	switch {
	case m.stopped:
		return "nothing", errStopped
	case m.left == 0:
		m.stopped = true
		return m.last, errStopped
	}
	m.left--
	return "all", nil
}

// fakeDisk keeps what was synced.
type fakeDisk struct {
	*machine
	files  map[string][]byte
	synced []string // by syncTree
}

func newFakeDisk() *fakeDisk {
	return &fakeDisk{machine: &machine{left: -1}, files: make(map[string][]byte)}
}

func (d *fakeDisk) read(path string) ([]byte, error) {
	b, ok := d.files[path]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return bytes.Clone(b), nil
}

func (d *fakeDisk) create(path string, content []byte) error {
	how, err := d.write()
	if how == "all" {
		d.files[path] = bytes.Clone(content)
	}
	return err
}

func (d *fakeDisk) open(path string) (markFile, error) { return &fakeFile{disk: d, path: path}, nil }

func (d *fakeDisk) syncTree(dir string) error { d.synced = append(d.synced, dir); return nil }

type fakeFile struct {
	disk *fakeDisk
	path string
	at   int64
	b    []byte // written and not synced
}

func (f *fakeFile) WriteAt(b []byte, at int64) (int, error) {
	f.b, f.at = bytes.Clone(b), at
	return len(b), nil
}

func (f *fakeFile) Sync() error {
	how, err := f.disk.write()
	n := map[string]int{"nothing": 0, "torn": len(f.b) / 2, "all": len(f.b)}[how]
	copy(f.disk.files[f.path][f.at:], f.b[:n])
	return err
}

func (f *fakeFile) Close() error { return nil }

// diskStore is a store on a machine; closing it loses nothing.
type diskStore struct {
	storage.Store
	*machine
}

func (s diskStore) do(f func() error) error {
	how, err := s.write()
	if how != "all" {
		return err
	}
	return errors.Join(f(), err)
}

func (s diskStore) StoreLog(l *raft.Log) error {
	return s.do(func() error { return s.Store.StoreLog(l) })
}

func (s diskStore) StoreLogs(l []*raft.Log) error {
	return s.do(func() error { return s.Store.StoreLogs(l) })
}

func (s diskStore) DeleteRange(low, high uint64) error {
	return s.do(func() error { return s.Store.DeleteRange(low, high) })
}

func (s diskStore) Set(k, v []byte) error { return s.do(func() error { return s.Store.Set(k, v) }) }

func (s diskStore) SetUint64(k []byte, v uint64) error {
	return s.do(func() error { return s.Store.SetUint64(k, v) })
}

func (diskStore) Close() error { return nil }

// restart is the machine after a stop, or a copy of a running one.
func (d *fakeDisk) restart() *fakeDisk {
	return &fakeDisk{machine: &machine{left: -1}, files: maps.Clone(d.files)}
}
