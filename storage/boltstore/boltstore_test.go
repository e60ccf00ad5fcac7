package boltstore_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	"go.etcd.io/bbolt"

	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/boltstore"
)

func TestSettings(t *testing.T) {
	for _, tc := range []struct{ arg, wantErr string }{
		{"freelist=map", ""},
		{"freelist=array,nofreelistsync=false", ""},
		{"nofreelistsync=true", ""},
		{"freelist=tree", "neither map nor array"},
		{"nofreelistsync=maybe", "neither true nor false"},
		{"nosync=true", "it takes freelist=map|array, nofreelistsync=true|false"},
	} {
		t.Run(tc.arg, func(t *testing.T) {
			s, err := boltstore.Open(t.TempDir(), storage.Options{Arg: tc.arg})
			if tc.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tc.wantErr) {
					t.Errorf("got %v, want an error with %q", err, tc.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestOpenAfterCreationWasCutShort(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "raft.db.new"), []byte("half a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := boltstore.Open(dir, storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestOpenWhileRaftBoltDBHasIt(t *testing.T) {
	dir := t.TempDir()
	db, err := raftboltdb.NewBoltStore(filepath.Join(dir, "raft.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // the test is over
	_, err = boltstore.Open(dir, storage.Options{})
	if err == nil || !strings.Contains(err.Error(), dir+" is already open") {
		t.Errorf("got %v, want it to say that %s is already open", err, dir)
	}
}

func TestReadOnlyOfAnotherBoltFile(t *testing.T) {
	dir := t.TempDir()
	db, err := bbolt.Open(filepath.Join(dir, "raft.db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = boltstore.Open(dir, storage.Options{ReadOnly: true})
	if err == nil || !strings.Contains(err.Error(), "is not a Raft log") {
		t.Errorf("got %v, want it to say that the file is not a Raft log", err)
	}
}

func TestNumberOfAnotherLengthIsAnError(t *testing.T) {
	s, err := boltstore.Open(t.TempDir(), storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // the test is over
	if err := s.Set([]byte("key"), []byte("text")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.GetUint64([]byte("key")); err == nil {
		t.Error("got no error for a number that is text")
	}
}
