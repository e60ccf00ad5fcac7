package storage_test

import (
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/memstore"
	"github.com/forkbikash/keyval/storage/pebblestore"
	"github.com/forkbikash/keyval/storage/shadow"
	"github.com/forkbikash/keyval/storage/stall"
	"github.com/forkbikash/keyval/storage/walstore"
)

// watched wears a stall guard with the timeout that keyval has.
func watched(s storage.Store) storage.Store {
	w, _ := stall.Wrap(s, 5*time.Second, nil)
	return w
}

func shadowedBy(open func() (storage.Store, error), s storage.Store) storage.Store {
	s, _ = shadow.Wrap(s, shadow.Options{Open: open})
	return s
}

// BenchmarkWornAppend is a synced entry of 256 B with and without what a store
// can wear, on the fastest durable one. A candidate on the same disk syncs beside
// the primary; one in memory shows what the shadow itself costs.
func BenchmarkWornAppend(b *testing.B) {
	compareAppends(b, []contestant{
		{"bare", walstore.Open},
		{"stall", worn(walstore.Open, watched)},
		{"shadow-mem", worn(walstore.Open, func(s storage.Store) storage.Store {
			return shadowedBy(func() (storage.Store, error) { return memstore.New(), nil }, s)
		})},
		{"shadow-pebble", worn(walstore.Open, func(s storage.Store) storage.Store {
			dir := b.TempDir()
			return shadowedBy(func() (storage.Store, error) { return pebblestore.Open(dir, storage.Options{}) }, s)
		})},
	})
}

type nothing struct{ storage.Store }

func (nothing) StoreLog(*raft.Log) error { return nil }

// BenchmarkWatch is what a stall guard adds to one call.
func BenchmarkWatch(b *testing.B) {
	s, entry := watched(nothing{}), new(raft.Log)
	for b.Loop() {
		if err := s.StoreLog(entry); err != nil {
			b.Fatal(err)
		}
	}
}
