package storagetest

import (
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
)

// wrongOpens break the rules about opening, closing, reading only, several
// goroutines and large logs.
var wrongOpens = map[string]wrong{
	"close-twice": twist(func(t *twisted) {
		closed := false
		t.close = func() error {
			if closed {
				return errWrong
			}
			closed = true
			return t.session.Close()
		}
	}),
	"read-after-close": twist(func(t *twisted) {
		t.getLog = func(i uint64, l *raft.Log) error {
			if err := t.session.GetLog(i, l); err != nil {
				return raft.ErrLogNotFound
			}
			return nil
		}
	}),
	"write-after-close": twist(func(t *twisted) {
		var files map[uint64]bool
		t.close = func() error { files = nil; return t.session.Close() }
		files = make(map[uint64]bool)
		t.storeLogs = func(logs []*raft.Log) error {
			files[1] = true // panics when it is nil
			return t.session.StoreLogs(logs)
		}
	}),

	"unknown-setting": opening(func(sh *shelf, dir string, o storage.Options) (storage.Store, error) {
		o.Arg = "" // whatever it says
		return sh.open(dir, o)
	}),
	"unknown-setting-touches-nothing": opening(func(sh *shelf, dir string, o storage.Options) (storage.Store, error) {
		if o.Arg == "" {
			return sh.open(dir, o)
		}
		_, err := sh.open(dir, o)
		return nil, errors.Join(leave(dir, "lock"), err)
	}),
	"no-directory": opening(func(sh *shelf, dir string, o storage.Options) (storage.Store, error) {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
		return sh.open(dir, o)
	}),
	"two-opens": whileHeld(func(d *disk, sh *shelf, _ storage.Options) (storage.Store, error) {
		return &session{shelf: sh, disk: d}, nil
	}),
	"two-opens-read-only": whileHeld(func(d *disk, sh *shelf, o storage.Options) (storage.Store, error) {
		if !o.ReadOnly {
			return nil, errHeld
		}
		s := &session{shelf: sh, disk: d}
		s.gate.ReadOnly = true
		return s, nil
	}),
	"two-opens-harmless": whileHeld(func(d *disk, _ *shelf, _ storage.Options) (storage.Store, error) {
		_, last := d.ends()
		return nil, errors.Join(errHeld, d.DeleteRange(last, last)) // mends what looks like a torn tail
	}),

	"read-only-missing": opening(func(sh *shelf, dir string, o storage.Options) (storage.Store, error) {
		s, err := sh.open(dir, o)
		if err != nil && o.ReadOnly && !errors.Is(err, errHeld) {
			return sh.open(dir, storage.Options{})
		}
		return s, err
	}),
	"read-only-makes-nothing": opening(func(sh *shelf, dir string, o storage.Options) (storage.Store, error) {
		s, err := sh.open(dir, o)
		if err != nil && o.ReadOnly && !errors.Is(err, errHeld) {
			return nil, errors.Join(err, leave(dir, "lock"))
		}
		return s, err
	}),
	"read-only": around(func(s *session) storage.Store {
		t := &twisted{session: s}
		if s.gate.ReadOnly {
			t.get = func([]byte) ([]byte, error) { return nil, errWrong }
		}
		return t
	}),
	"read-only-writes": opening(func(sh *shelf, dir string, o storage.Options) (storage.Store, error) {
		s, err := sh.open(dir, o)
		if err == nil && o.ReadOnly {
			s.(*session).gate.ReadOnly = false
		}
		return s, err
	}),
	"read-only-changes-nothing": around(func(s *session) storage.Store {
		if s.gate.ReadOnly {
			_ = leave(s.dir, "LOG")
		}
		return s
	}),
	"write-after-read-only": around(func(s *session) storage.Store {
		if s.gate.ReadOnly {
			s.setNote("read only", 1)
		}
		s.gate.ReadOnly = s.note("read only") != 0
		return s
	}),

	"readers-together": twist(func(t *twisted) {
		b := new(busy)
		t.getLog = func(i uint64, l *raft.Log) error {
			if err := b.alone(); err != nil {
				return err
			}
			return t.session.GetLog(i, l)
		}
	}),
	"read-while-appending": twist(func(t *twisted) {
		b := new(busy)
		t.storeLogs = func(logs []*raft.Log) error {
			return errors.Join(b.alone(), t.session.StoreLogs(logs))
		}
		t.getLog = func(i uint64, l *raft.Log) error {
			yield()
			return b.unless(t.session.GetLog(i, l))
		}
	}),
	"read-while-cutting": twist(func(t *twisted) {
		b := new(busy)
		t.deleteRange = func(low, high uint64) error {
			return errors.Join(b.alone(), t.session.DeleteRange(low, high))
		}
		t.getLog = func(i uint64, l *raft.Log) error {
			yield()
			return b.unless(t.session.GetLog(i, l))
		}
	}),
	"stable-while-appending": twist(func(t *twisted) {
		b := new(busy)
		t.storeLogs = func(logs []*raft.Log) error {
			return errors.Join(b.alone(), t.session.StoreLogs(logs))
		}
		t.getLog = slowly(t.session)
		t.set = func(key, value []byte) error {
			yield()
			return b.unless(t.session.Set(key, value))
		}
	}),
	"close-while-reading": twist(func(t *twisted) {
		var closing atomic.Bool
		t.getLog = func(i uint64, l *raft.Log) error {
			if closing.Load() {
				panic("the file is gone")
			}
			return t.session.GetLog(i, l)
		}
		t.close = func() error {
			closing.Store(true)
			defer closing.Store(false)
			yield()
			return t.session.Close()
		}
	}),

	"many": twist(func(t *twisted) {
		t.getLog = func(i uint64, l *raft.Log) error {
			if _, last := t.ends(); i <= last {
				i &= 1<<16 - 1 // positions of 16 bits
			}
			return t.session.GetLog(i, l)
		}
	}),
	"space": twist(func(t *twisted) {
		var size int64
		t.storeLogs = func(logs []*raft.Log) error {
			if err := t.session.StoreLogs(logs); err != nil {
				return err
			}
			for _, l := range logs {
				size += int64(len(l.Data))
			}
			// Only its size: nothing is written.
			return errors.Join(leave(t.dir, "log"), os.Truncate(filepath.Join(t.dir, "log"), size))
		}
	}),
}

// leave makes a file, unless it is there.
func leave(dir, name string) error {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_RDONLY, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// busy is a part of a store that only one may use at a time.
type busy struct{ users atomic.Int32 }

// alone uses it, for long enough that another meets it.
func (b *busy) alone() error {
	defer b.users.Add(-1)
	if b.users.Add(1) > 1 {
		return errWrong
	}
	yield()
	return nil
}

// unless returns an error if it is in use, and err otherwise.
func (b *busy) unless(err error) error {
	if b.users.Load() > 0 {
		return errWrong
	}
	return err
}

// yield lets everybody else go on until they wait too: in the bubble that wrong
// stores are tried in, time passes only when all do.
func yield() { time.Sleep(time.Millisecond) }

// slowly is a right GetLog for a store whose writes wait: readers that never
// did would stop the time.
func slowly(s *session) func(uint64, *raft.Log) error {
	return func(i uint64, l *raft.Log) error {
		yield()
		return s.GetLog(i, l)
	}
}
