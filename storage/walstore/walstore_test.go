package walstore_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"

	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/walstore"
)

func open(t *testing.T, dir string, o storage.Options) storage.Store {
	t.Helper()
	s, err := walstore.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestReadOnlyAfterCrash has the two things that raft-wal mends when it opens:
// a newest segment that was listed and not made, and a segment left over.
func TestReadOnlyAfterCrash(t *testing.T) {
	dir := t.TempDir()
	s, err := walstore.Open(dir, storage.Options{Arg: "segment=64KiB"})
	if err != nil {
		t.Fatal(err)
	}
	err = s.StoreLogs([]*raft.Log{{Index: 1, Term: 1, Data: make([]byte, 100<<10)}}) // fills a segment
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SetUint64([]byte("k"), 1); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteRange(7, 8); err != nil { // waits for the next segment
		t.Fatal(err)
	}
	if err := s.StoreLog(&raft.Log{Index: 2, Term: 1}); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteRange(2, 2); err != nil { // the newest segment is empty now
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	segments, err := filepath.Glob(filepath.Join(dir, "*.wal"))
	if err != nil || len(segments) < 2 {
		t.Fatalf("got segments %v, error %v; want two or more", segments, err)
	}
	if err := os.Remove(segments[len(segments)-1]); err != nil {
		t.Fatal(err)
	}
	leftover := filepath.Join(dir, "00000000000000000900-00000000000000ff.wal")
	if err := os.WriteFile(leftover, []byte("left over"), 0o600); err != nil {
		t.Fatal(err)
	}
	before := files(t, dir)
	r := open(t, dir, storage.Options{ReadOnly: true})
	if last, err := r.LastIndex(); err != nil || last != 1 {
		t.Errorf("got last index %d, error %v; want 1", last, err)
	}
	var got raft.Log
	if err := r.GetLog(1, &got); err != nil || len(got.Data) != 100<<10 {
		t.Errorf("got entry with %d bytes, error %v; want %d", len(got.Data), err, 100<<10)
	}
	if after := files(t, dir); !slices.Equal(before, after) {
		t.Errorf("got files %v, want %v", after, before)
	}
}

func TestSettings(t *testing.T) {
	for _, arg := range []string{"segment=1KiB", "segment=4GiB", "segment=big", "size=1MiB"} {
		_, err := walstore.Open(t.TempDir(), storage.Options{Arg: arg})
		if err == nil || !strings.Contains(err.Error(), "it takes segment=SIZE (64KiB to 2047MiB)") {
			t.Errorf("%s: got %v, want an error that says what is taken", arg, err)
		}
	}
}

func TestEntryTooLarge(t *testing.T) {
	s := open(t, t.TempDir(), storage.Options{Arg: "segment=1MiB"})
	err := s.StoreLogs([]*raft.Log{{Index: 1}, {Index: 2, Data: make([]byte, 64<<20)}})
	if err == nil || !strings.Contains(err.Error(), "log entry 2") {
		t.Errorf("got %v, want an error that names the entry", err)
	}
	if last, err := s.LastIndex(); err != nil || last != 0 {
		t.Errorf("got last index %d, error %v; want nothing stored", last, err)
	}
}

// TestFilesAreRaftWALs opens the same directory with raft-wal, both ways.
func TestFilesAreRaftWALs(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, storage.Options{Arg: "segment=1MiB"})
	if err := s.StoreLog(&raft.Log{Index: 1, Term: 4, Data: []byte("ours")}); err != nil {
		t.Fatal(err)
	}
	if err := s.SetUint64([]byte("CurrentTerm"), 4); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	w, err := wal.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if term, err := w.GetUint64([]byte("CurrentTerm")); err != nil || term != 4 {
		t.Errorf("raft-wal got term %d, error %v; want 4", term, err)
	}
	if err := w.StoreLog(&raft.Log{Index: 2, Term: 4, Data: []byte("theirs")}); err != nil {
		t.Fatal(err)
	}
	if _, err := walstore.Open(dir, storage.Options{}); err == nil || !strings.Contains(err.Error(), "already open") {
		t.Errorf("got %v while raft-wal has it, want it to be already open", err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var got raft.Log
	if err := open(t, dir, storage.Options{}).GetLog(2, &got); err != nil || string(got.Data) != "theirs" {
		t.Errorf("got %q, error %v; want what raft-wal stored", got.Data, err)
	}
}

func TestLoggerHearsRaftWAL(t *testing.T) {
	dir := t.TempDir()
	var heard bytes.Buffer
	s := open(t, dir, storage.Options{Arg: "segment=64KiB", Logger: slog.New(slog.NewTextHandler(&heard, nil))})
	if err := s.StoreLogs([]*raft.Log{{Index: 1}, {Index: 2}}); err != nil {
		t.Fatal(err)
	}
	segments, err := filepath.Glob(filepath.Join(dir, "*.wal"))
	if err != nil || len(segments) != 1 {
		t.Fatalf("got segments %v, error %v; want one", segments, err)
	}
	if err := os.Remove(segments[0]); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteRange(1, 2); err != nil {
		t.Fatal(err)
	}
	if want := "level=ERROR msg=\"failed to delete old segment\""; !strings.Contains(heard.String(), want) {
		t.Errorf("got log %q, want it to have %q", heard.String(), want)
	}
}
