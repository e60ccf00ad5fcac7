package storage_test

import (
	"testing"
	"time"

	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/boltstore"
	"github.com/forkbikash/keyval/storage/guard"
	"github.com/forkbikash/keyval/storage/internal/storerules"
	"github.com/forkbikash/keyval/storage/memstore"
	"github.com/forkbikash/keyval/storage/pebblestore"
	"github.com/forkbikash/keyval/storage/stall"
	"github.com/forkbikash/keyval/storage/walstore"
)

// set opens with arg, unless the rule is about settings.
func set(open storage.Opener, arg string) storage.Opener {
	return func(dir string, o storage.Options) (storage.Store, error) {
		if o.Arg == "" {
			o.Arg = arg
		}
		return open(dir, o)
	}
}

func wrapped(open storage.Opener) storage.Opener {
	return func(dir string, o storage.Options) (storage.Store, error) {
		s, err := open(dir, o)
		if err != nil {
			return nil, err
		}
		return guard.Wrap(s, nil), nil
	}
}

// watched ends no call of a rule: none takes that long.
func watched(open storage.Opener) storage.Opener {
	return func(dir string, o storage.Options) (storage.Store, error) {
		s, err := open(dir, o)
		if err != nil {
			return nil, err
		}
		return stall.Wrap(s, 10*time.Minute, nil), nil
	}
}

func guarded(open storage.Opener) storage.Opener { return guard.Opener(open, guard.Options{}) }

func TestRules(t *testing.T) {
	for _, tc := range []struct {
		name     string
		open     storage.Opener
		volatile bool
		bareOnly bool
	}{
		{name: "mem", open: memstore.Open, volatile: true},
		{name: "bolt", open: boltstore.Open},
		{name: "bolt with other settings", open: set(boltstore.Open, "freelist=array,nofreelistsync=false"), bareOnly: true},
		{name: "wal", open: set(walstore.Open, "segment=4MiB")},
		{name: "wal in small segments", open: set(walstore.Open, "segment=64KiB"), bareOnly: true},
		{name: "pebble", open: pebblestore.Open},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Run("bare", func(t *testing.T) { storerules.Run(t, tc.open, tc.volatile) })
			if tc.bareOnly {
				return
			}
			t.Run("watched", func(t *testing.T) { storerules.Run(t, watched(tc.open), tc.volatile) })
			if tc.volatile {
				t.Run("guarded", func(t *testing.T) { storerules.Run(t, wrapped(tc.open), tc.volatile) })
				return
			}
			for _, mode := range []guard.Mode{guard.On, guard.Strict, guard.Off} {
				open := guard.Opener(tc.open, guard.Options{Mode: mode})
				t.Run("guarded "+string(mode), func(t *testing.T) { storerules.Run(t, open, false) })
			}
		})
	}
}
