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
// can wear, on the fastest durable one. They take turns, so that what else the
// disk does meets them alike. A candidate on the same disk syncs beside the
// primary; one in memory shows what the shadow itself costs.
func BenchmarkWornAppend(b *testing.B) {
	contestants := []struct {
		name string
		wear func(storage.Store) storage.Store
	}{
		{"bare", func(s storage.Store) storage.Store { return s }},
		{"stall", watched},
		{"shadow-mem", func(s storage.Store) storage.Store {
			return shadowedBy(func() (storage.Store, error) { return memstore.New(), nil }, s)
		}},
		{"shadow-pebble", func(s storage.Store) storage.Store {
			dir := b.TempDir()
			return shadowedBy(func() (storage.Store, error) { return pebblestore.Open(dir, storage.Options{}) }, s)
		}},
	}
	stores := make([]storage.Store, len(contestants))
	for i, c := range contestants {
		s, err := worn(walstore.Open, c.wear)(b.TempDir(), storage.Options{})
		if err != nil {
			b.Fatal(err)
		}
		defer s.Close() //nolint:errcheck // the benchmark is over
		stores[i] = s
	}
	took := make([][]time.Duration, len(stores))
	data := make([]byte, 256)
	for index := uint64(1); b.Loop(); index++ {
		for i, s := range stores {
			took[i] = append(took[i], timeAppend(b, s, &raft.Log{Index: index, Term: 1, Data: data}))
		}
	}
	base := median(took[0])
	for i, c := range contestants {
		b.ReportMetric(float64(median(took[i]).Microseconds()), c.name+"-p50-µs")
		b.ReportMetric(float64(median(took[i]))/float64(base), c.name+"-ratio")
	}
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
