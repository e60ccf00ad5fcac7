package storagetest

import (
	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
)

// twisted is a session some of whose methods are wrong: those that are not nil.
type twisted struct {
	*session
	first, last func() (uint64, error)
	getLog      func(uint64, *raft.Log) error
	storeLog    func(*raft.Log) error
	storeLogs   func([]*raft.Log) error
	deleteRange func(low, high uint64) error
	get         func([]byte) ([]byte, error)
	set         func(key, value []byte) error
	getUint64   func([]byte) (uint64, error)
	setUint64   func([]byte, uint64) error
	close       func() error
}

func (t *twisted) FirstIndex() (uint64, error) {
	if t.first != nil {
		return t.first()
	}
	return t.session.FirstIndex()
}

func (t *twisted) LastIndex() (uint64, error) {
	if t.last != nil {
		return t.last()
	}
	return t.session.LastIndex()
}

func (t *twisted) GetLog(i uint64, l *raft.Log) error {
	if t.getLog != nil {
		return t.getLog(i, l)
	}
	return t.session.GetLog(i, l)
}

func (t *twisted) StoreLog(l *raft.Log) error {
	if t.storeLog != nil {
		return t.storeLog(l)
	}
	return t.StoreLogs([]*raft.Log{l})
}

func (t *twisted) StoreLogs(l []*raft.Log) error {
	if t.storeLogs != nil {
		return t.storeLogs(l)
	}
	return t.session.StoreLogs(l)
}

func (t *twisted) DeleteRange(low, high uint64) error {
	if t.deleteRange != nil {
		return t.deleteRange(low, high)
	}
	return t.session.DeleteRange(low, high)
}

func (t *twisted) Get(key []byte) ([]byte, error) {
	if t.get != nil {
		return t.get(key)
	}
	return t.session.Get(key)
}

func (t *twisted) Set(key, value []byte) error {
	if t.set != nil {
		return t.set(key, value)
	}
	return t.session.Set(key, value)
}

func (t *twisted) GetUint64(key []byte) (uint64, error) {
	if t.getUint64 != nil {
		return t.getUint64(key)
	}
	return t.session.GetUint64(key)
}

func (t *twisted) SetUint64(key []byte, n uint64) error {
	if t.setUint64 != nil {
		return t.setUint64(key, n)
	}
	return t.session.SetUint64(key, n)
}

func (t *twisted) Close() error {
	if t.close != nil {
		return t.close()
	}
	return t.session.Close()
}

// wrong makes an opener of wrong stores on a shelf.
type wrong func(*shelf) storage.Opener

// around gives every session to spoil, which returns a wrong one.
func around(spoil func(*session) storage.Store) wrong {
	return func(sh *shelf) storage.Opener {
		return func(dir string, o storage.Options) (storage.Store, error) {
			s, err := sh.open(dir, o)
			if err != nil {
				return nil, err
			}
			return spoil(s.(*session)), nil
		}
	}
}

// twist is around for what needs no type of its own.
func twist(spoil func(*twisted)) wrong {
	return around(func(s *session) storage.Store {
		t := &twisted{session: s}
		spoil(t)
		return t
	})
}

// readsBack changes each entry that is read.
func readsBack(change func(*raft.Log)) wrong {
	return twist(func(t *twisted) {
		t.getLog = func(i uint64, l *raft.Log) error {
			err := t.session.GetLog(i, l)
			if err == nil {
				change(l)
			}
			return err
		}
	})
}

// deletes replaces DeleteRange by one that is told where the log ends.
func deletes(do func(s *session, low, high, first, last uint64) error) wrong {
	return twist(func(t *twisted) {
		t.deleteRange = func(low, high uint64) error {
			first, last := t.ends()
			return do(t.session, low, high, first, last)
		}
	})
}

// stores replaces StoreLogs by one that is told where the log ends.
func stores(do func(s *session, logs []*raft.Log, last uint64) error) wrong {
	return twist(func(t *twisted) {
		t.storeLogs = func(logs []*raft.Log) error {
			_, last := t.ends()
			return do(t.session, logs, last)
		}
	})
}

// emptied notes where the log was when it was emptied, and asks judge whether
// it may go on at an index.
func emptied(judge func(s *session, index, first, last uint64) error) wrong {
	return twist(func(t *twisted) {
		t.deleteRange = func(low, high uint64) error {
			first, last := t.ends()
			err := t.session.DeleteRange(low, high)
			if now, _ := t.ends(); last != 0 && now == 0 {
				t.setNote("first", first)
				t.setNote("last", last)
				t.setNote("opens", uint64(t.opens))
			}
			return err
		}
		t.storeLogs = func(logs []*raft.Log) error {
			if now, _ := t.ends(); now == 0 && t.note("last") != 0 && len(logs) > 0 {
				if err := judge(t.session, logs[0].Index, t.note("first"), t.note("last")); err != nil {
					return err
				}
			}
			return t.session.StoreLogs(logs)
		}
	})
}

// opening replaces the opening.
func opening(do func(sh *shelf, dir string, o storage.Options) (storage.Store, error)) wrong {
	return func(sh *shelf) storage.Opener {
		return func(dir string, o storage.Options) (storage.Store, error) { return do(sh, dir, o) }
	}
}

// whileHeld calls do when an honest store would refuse a second open.
func whileHeld(do func(*disk, *shelf, storage.Options) (storage.Store, error)) wrong {
	return opening(func(sh *shelf, dir string, o storage.Options) (storage.Store, error) {
		s, err := sh.open(dir, o)
		if err == errHeld { //nolint:errorlint // it is the shelf's own
			sh.mu.Lock()
			defer sh.mu.Unlock()
			return do(sh.disks[dir], sh, o)
		}
		return s, err
	})
}
