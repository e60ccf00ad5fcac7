package storage_test

import (
	"os"
	"testing"

	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/boltstore"
	"github.com/forkbikash/keyval/storage/guard"
	"github.com/forkbikash/keyval/storage/pebblestore"
	"github.com/forkbikash/keyval/storage/storagetest"
	"github.com/forkbikash/keyval/storage/walstore"
)

// TestCrash takes the power away from every store that is durable.
func TestCrash(t *testing.T) {
	for _, tc := range []struct {
		name string
		open storage.Opener
	}{
		{"bolt", boltstore.Open},
		{"wal", set(walstore.Open, "segment=64KiB")},
		{"pebble", pebblestore.Open},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Run("bare", func(t *testing.T) { storagetest.Crash(t, tc.open) })
			t.Run("guarded", func(t *testing.T) {
				storagetest.Crash(t, guarded(tc.open), storagetest.AtomicVote, storagetest.FailStop)
			})
		})
	}
	// With a mark for each append, and the process ended as the program ends it.
	t.Run("wal strictly guarded", func(t *testing.T) {
		end := func(error) { os.Exit(3) } //nolint:revive // the store is opened in the child alone
		open := guard.Opener(set(walstore.Open, "segment=64KiB"), guard.Options{Mode: guard.Strict, OnFail: end})
		storagetest.Crash(t, open, storagetest.AtomicVote, storagetest.FailStop)
	})
}
