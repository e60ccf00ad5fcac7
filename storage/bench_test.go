package storage_test

import (
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/boltstore"
	"github.com/forkbikash/keyval/storage/guard"
	"github.com/forkbikash/keyval/storage/pebblestore"
	"github.com/forkbikash/keyval/storage/storagetest"
	"github.com/forkbikash/keyval/storage/walstore"
)

// BenchmarkAppend is one synced entry of 256 B at a time, what a lone write to
// an idle cluster waits for. The stores take turns, so that whatever else the
// disk does meets them all alike, and each is reported against bolt as raft-
// boltdb opens it. Every thousand entries the head is cut, so that free pages
// come to be, as they do behind a snapshot.
func BenchmarkAppend(b *testing.B) {
	compareAppends(b, []contestant{
		{"bolt-upstream", set(boltstore.Open, "freelist=array,nofreelistsync=false")},
		{"bolt-map", set(boltstore.Open, "freelist=map,nofreelistsync=false")},
		{"bolt-nosync", set(boltstore.Open, "freelist=array,nofreelistsync=true")},
		{"bolt", boltstore.Open},
		{"bolt-guarded", guarded(boltstore.Open)},
		{"wal", walstore.Open},
		{"pebble", pebblestore.Open},
	})
}

// contestant is a store that is compared with others.
type contestant struct {
	name string
	open storage.Opener
}

// compareAppends stores one synced entry of 256 B at a time in each. They take
// turns, and turns at being first, so that whatever else the disk does meets them
// all alike; ratios are of medians, to the first of all.
func compareAppends(b *testing.B, all []contestant) {
	b.Helper()
	stores := make([]storage.Store, len(all))
	for i, c := range all {
		s, err := c.open(b.TempDir(), storage.Options{})
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
	for i, c := range all {
		b.ReportMetric(float64(median(took[i]).Microseconds()), c.name+"-p50-µs")
		b.ReportMetric(float64(median(took[i]))/float64(base), c.name+"-ratio")
	}
}

func timeAppend(b *testing.B, s storage.Store, l *raft.Log) time.Duration {
	b.Helper()
	if l.Index%1000 == 0 {
		if err := s.DeleteRange(1, l.Index-500); err != nil {
			b.Fatal(err)
		}
	}
	began := time.Now()
	if err := s.StoreLog(l); err != nil {
		b.Fatal(err)
	}
	return time.Since(began)
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

// BenchmarkVote is what one vote costs: two writes bare, one guarded.
func BenchmarkVote(b *testing.B) {
	for _, bc := range []struct {
		name string
		wear func(storage.Store) storage.Store
	}{
		{"bare", func(s storage.Store) storage.Store { return s }},
		{"guarded", func(s storage.Store) storage.Store { return guard.Wrap(s, nil) }},
	} {
		b.Run(bc.name, func(b *testing.B) {
			bolt, err := boltstore.Open(b.TempDir(), storage.Options{})
			if err != nil {
				b.Fatal(err)
			}
			s := bc.wear(bolt)
			for term := uint64(1); b.Loop(); term++ {
				if err := s.SetUint64([]byte("LastVoteTerm"), term); err != nil {
					b.Fatal(err)
				}
				if err := s.Set([]byte("LastVoteCand"), []byte("10.0.0.1:12000")); err != nil {
					b.Fatal(err)
				}
			}
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// BenchmarkStores is the kit's benchmark, of all durable stores in one run, with
// ratios to bolt.
func BenchmarkStores(b *testing.B) {
	storagetest.BenchCompare(b,
		storagetest.Contestant{Name: "bolt", Open: boltstore.Open},
		storagetest.Contestant{Name: "wal", Open: walstore.Open},
		storagetest.Contestant{Name: "pebble", Open: pebblestore.Open})
}
