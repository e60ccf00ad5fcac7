package storage_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/pebblestore"
	"github.com/forkbikash/keyval/storage/walstore"
)

// TestFlippedBitIsNoticed flips bits all over the files of a guarded store:
// it does not open, or all acknowledged entries are there as they were. Files of
// bbolt are left out: its way through a damaged page is by unsafe pointers, which
// may break the process, and so the test. The tests of the program, which may,
// damage those.
func TestFlippedBitIsNoticed(t *testing.T) {
	for _, tc := range []struct {
		name string
		open storage.Opener
	}{{"wal", set(walstore.Open, "segment=64KiB")}, {"pebble", pebblestore.Open}} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			whole := t.TempDir()
			fillGuarded(t, guarded(tc.open), whole)
			refused, harmless := 0, 0
			for _, place := range places(t, whole) {
				dir := t.TempDir()
				if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
					t.Fatal(err)
				}
				flip(t, filepath.Join(dir, place.file), place.at)
				s, err := guarded(tc.open)(dir, storage.Options{})
				if err != nil {
					refused++
					continue
				}
				harmless++
				if err := hasAll(s); err != nil {
					t.Errorf("byte %d of %s flipped: the store opened, and %v", place.at, place.file, err)
				}
				_ = s.Close() // it may be damaged where only a write looks
			}
			t.Logf("%d flipped bits refused, %d harmless", refused, harmless)
			if refused == 0 || harmless == 0 {
				t.Errorf("got %d flipped bits refused and %d harmless, want some of each", refused, harmless)
			}
		})
	}
}

const damageEntries = 40

func damageEntry(index uint64) *raft.Log {
	return &raft.Log{Index: index, Term: 1, Data: fmt.Appendf(nil, "what was written as entry %d", index)}
}

func fillGuarded(t *testing.T, open storage.Opener, dir string) {
	t.Helper()
	s, err := open(dir, storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := uint64(1); i <= damageEntries; i++ {
		if err := s.StoreLog(damageEntry(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func hasAll(s storage.Store) error {
	if last, err := s.LastIndex(); err != nil || last != damageEntries {
		return fmt.Errorf("its last index is %d, error %v", last, err)
	}
	for i := uint64(1); i <= damageEntries; i++ {
		var got raft.Log
		want := damageEntry(i)
		if err := s.GetLog(i, &got); err != nil || string(got.Data) != string(want.Data) || got.Term != want.Term {
			return fmt.Errorf("entry %d is %+v, error %v", i, got, err)
		}
	}
	return nil
}

type place struct {
	file string
	at   int
}

// places are some of the bytes in dir, more in small files than in large ones.
func places(t *testing.T, dir string) []place {
	t.Helper()
	const perFile = 150
	var all []place
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) == ".db" {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		used := used(content)
		for i := 0; i < len(used); i += 1 + len(used)/perFile {
			all = append(all, place{rel, used[i]})
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// used are the bytes that are not zero: most of a preallocated file is.
func used(content []byte) []int {
	var at []int
	for i, c := range content {
		if c != 0 {
			at = append(at, i)
		}
	}
	return at
}

func flip(t *testing.T, path string, at int) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[at] ^= 1 << (at % 8)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
