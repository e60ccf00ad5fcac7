package storage_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/boltstore"
	"github.com/forkbikash/keyval/storage/guard"
	"github.com/forkbikash/keyval/storage/memstore"
	"github.com/forkbikash/keyval/storage/pebblestore"
	"github.com/forkbikash/keyval/storage/storagetest"
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

func guarded(open storage.Opener) storage.Opener { return guard.Opener(open, guard.Options{}) }

// Whoever reads what our stores refuse knows where, and what would do.
func TestRefusalsSayWhere(t *testing.T) {
	for name, open := range map[string]storage.Opener{"bolt": boltstore.Open, "wal": walstore.Open, "pebble": pebblestore.Open} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s, err := open(dir, storage.Options{})
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range []storage.Options{{}, {ReadOnly: true}} {
				if _, err := open(dir, o); err == nil || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "already open") {
					t.Errorf("opened again with %+v: got %v, want it to say that %s is already open", o, err, dir)
				}
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			missing := filepath.Join(dir, "missing")
			if _, err := open(missing, storage.Options{}); err == nil || !strings.Contains(err.Error(), missing) {
				t.Errorf("got %v, want it to name %s", err, missing)
			}
			if _, err := open(dir, storage.Options{Arg: "no-such=1"}); err == nil || !strings.Contains(err.Error(), "it takes") {
				t.Errorf("got %v, want it to say which settings it takes", err)
			}
		})
	}
}

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
			run := storagetest.Run
			if tc.volatile {
				run = storagetest.RunVolatile
			}
			t.Run("bare", func(t *testing.T) { run(t, tc.open) })
			if tc.bareOnly {
				return
			}
			if tc.volatile {
				t.Run("guarded", func(t *testing.T) { run(t, wrapped(tc.open)) })
				return
			}
			for _, mode := range []guard.Mode{guard.On, guard.Strict, guard.Off} {
				open := guard.Opener(tc.open, guard.Options{Mode: mode})
				t.Run("guarded "+string(mode), func(t *testing.T) { run(t, open) })
			}
		})
	}
}
