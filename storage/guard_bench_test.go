package storage_test

import (
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/boltstore"
	"github.com/forkbikash/keyval/storage/guard"
	"github.com/forkbikash/keyval/storage/pebblestore"
	"github.com/forkbikash/keyval/storage/walstore"
)

// BenchmarkGuardedAppend is what the guard costs: one synced entry of 256 B at a
// time to a bare store, and to the same guarded. They take turns, so that
// whatever else the disk does meets them alike; ratios are of medians.
func BenchmarkGuardedAppend(b *testing.B) {
	for _, bc := range []struct {
		name string
		open storage.Opener
	}{{"bolt", boltstore.Open}, {"wal", walstore.Open}, {"pebble", pebblestore.Open}} {
		b.Run(bc.name, func(b *testing.B) {
			wears := []struct {
				name string
				open storage.Opener
			}{
				{"bare", bc.open},
				{"on", guard.Opener(bc.open, guard.Options{})},
				{"strict", guard.Opener(bc.open, guard.Options{Mode: guard.Strict})},
			}
			stores := make([]storage.Store, len(wears))
			for i, w := range wears {
				s, err := w.open(b.TempDir(), storage.Options{})
				if err != nil {
					b.Fatal(err)
				}
				defer s.Close() //nolint:errcheck // the benchmark is over
				stores[i] = s
			}
			took := make([][]time.Duration, len(stores))
			data := make([]byte, 256)
			for index := uint64(1); b.Loop(); index++ {
				for n := range stores {
					i := (int(index) + n) % len(stores) //nolint:gosec // nobody is always the first
					took[i] = append(took[i], timeAppend(b, stores[i], &raft.Log{Index: index, Term: 1, Data: data}))
				}
			}
			base := median(took[0])
			for i, w := range wears {
				b.ReportMetric(float64(median(took[i]).Microseconds()), w.name+"-p50-µs")
				b.ReportMetric(float64(median(took[i]))/float64(base), w.name+"-ratio")
			}
		})
	}
}
