package storage_test

import (
	"testing"

	"github.com/forkbikash/keyval/storage/boltstore"
	"github.com/forkbikash/keyval/storage/guard"
	"github.com/forkbikash/keyval/storage/pebblestore"
	"github.com/forkbikash/keyval/storage/walstore"
)

// BenchmarkGuardedAppend is what the guard costs: one synced entry of 256 B at a
// time to a bare store, and to the same guarded.
func BenchmarkGuardedAppend(b *testing.B) {
	for _, c := range []contestant{{"bolt", boltstore.Open}, {"wal", walstore.Open}, {"pebble", pebblestore.Open}} {
		b.Run(c.name, func(b *testing.B) {
			compareAppends(b, []contestant{
				{"bare", c.open},
				{"on", guard.Opener(c.open, guard.Options{})},
				{"strict", guard.Opener(c.open, guard.Options{Mode: guard.Strict})},
			})
		})
	}
}
