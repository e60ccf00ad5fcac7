package storage_test

import (
	"strings"
	"testing"
	"time"

	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/boltstore"
	"github.com/forkbikash/keyval/storage/faulty"
	"github.com/forkbikash/keyval/storage/memstore"
	"github.com/forkbikash/keyval/storage/pebblestore"
	"github.com/forkbikash/keyval/storage/shadow"
	"github.com/forkbikash/keyval/storage/stall"
	"github.com/forkbikash/keyval/storage/storagetest"
	"github.com/forkbikash/keyval/storage/walstore"
)

// worn opens with open and puts wear on what came of it.
func worn(open storage.Opener, wear func(storage.Store) storage.Store) storage.Opener {
	return func(dir string, o storage.Options) (storage.Store, error) {
		s, err := open(dir, o)
		if err != nil {
			return nil, err
		}
		return wear(s), nil
	}
}

// shadowed wears a candidate, which is honest and so must never be found to
// differ. Rules that have the primary fail end it, or write more than it may be
// behind.
func shadowed(t *testing.T, s storage.Store, candidate storage.Opener) storage.Store {
	t.Helper()
	dir := t.TempDir()
	s, sh := shadow.Wrap(s, shadow.Options{Open: func() (storage.Store, error) { return candidate(dir, storage.Options{}) }})
	t.Cleanup(func() {
		r := sh.Report()
		fair := r.Off == "" || strings.HasPrefix(r.Off, "the primary") || strings.HasPrefix(r.Off, "it fell behind")
		if r.Differences != 0 || !fair {
			t.Errorf("an honest candidate: got %+v", r)
		}
	})
	return s
}

// What a store wears changes none of what it promises.
func TestRulesOfWornStores(t *testing.T) {
	for _, backend := range []struct {
		name     string
		open     storage.Opener
		volatile bool

		candidate storage.Opener // in its shadow
	}{
		{"mem", memstore.Open, true, memstore.Open},
		{"bolt", boltstore.Open, false, walstore.Open}, // it leaves gaps below
		{"wal", set(walstore.Open, "segment=4MiB"), false, pebblestore.Open},
		{"pebble", pebblestore.Open, false, boltstore.Open},
	} {
		run := storagetest.Run
		if backend.volatile {
			run = storagetest.RunVolatile
		}
		t.Run(backend.name+"/stall and shadow", func(t *testing.T) {
			run(t, worn(backend.open, func(s storage.Store) storage.Store {
				w, _ := stall.Wrap(shadowed(t, s, backend.candidate), time.Hour, nil)
				return w
			}))
		})
		t.Run(backend.name+"/faulty without faults", func(t *testing.T) {
			run(t, worn(backend.open, func(s storage.Store) storage.Store { return faulty.Wrap(s, new(faulty.Script)) }))
		})
	}
}
