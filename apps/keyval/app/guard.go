package app

import (
	"cmp"
	"errors"

	"github.com/forkbikash/keyval/apps/keyval/datadir"
	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/guard"
)

// bare is an opener as it is.
func bare(open storage.Opener) storage.Opener { return open }

// openGuarded opens the log store of dir with what it is to wear. The guard may
// be changed whenever a node starts. The marker says what the store has: that
// it is guarded before that begins, and that it is not once it has ended, since
// a guarded store that is opened bare would forget its last vote.
func (s *server) openGuarded(dir *datadir.Dir) (storage.Store, error) {
	m := dir.Marker()
	mode := cmp.Or(s.cfg.LogGuard, guard.Mode(m.Guard))
	if was := guard.Mode(m.Guard); was != mode {
		s.log.Info("the guard of the log store is changed", "from", was, "to", mode)
	}
	if mode != guard.Off {
		if err := dir.SetGuard(string(mode)); err != nil {
			return nil, err
		}
	}
	store, err := s.openStore(m.LogStore, dir.LogDir(), func(open storage.Opener) storage.Opener {
		return guard.Opener(s.below(open), guard.Options{
			Mode: mode, OnFail: s.fail,
			AlsoSync: []string{dir.Path()}, // the snapshots are here too
		})
	})
	if err != nil || mode != guard.Off {
		return store, err
	}
	if err := dir.SetGuard(string(mode)); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return store, nil
}

// below opens a store with what it wears below the guard.
func (s *server) below(open storage.Opener) storage.Opener {
	return func(dir string, o storage.Options) (storage.Store, error) {
		store, err := open(dir, o)
		if err != nil {
			return nil, err
		}
		return s.watch(s.shadowed(store)), nil
	}
}
