package walstore

import (
	"sync/atomic"
	"testing"

	"github.com/hashicorp/raft"
	walfs "github.com/hashicorp/raft-wal/fs"
	"github.com/hashicorp/raft-wal/types"

	"github.com/forkbikash/keyval/storage"
)

// hookedFS calls before, once, ahead of the next read of a segment file.
type hookedFS struct {
	types.VFS
	before atomic.Pointer[func()]
}

func (fs *hookedFS) Create(dir, name string, size uint64) (types.WritableFile, error) {
	f, err := fs.VFS.Create(dir, name, size)
	if err != nil {
		return nil, err
	}
	return hookedFile{f, fs}, nil
}

type hookedFile struct {
	types.WritableFile
	fs *hookedFS
}

func (f hookedFile) ReadAt(b []byte, at int64) (int, error) {
	if before := f.fs.before.Swap(nil); before != nil {
		(*before)()
	}
	return f.WritableFile.ReadAt(b, at)
}

// A reader that is about to read a segment file which is cut off and closed
// meanwhile gets the answer of the log as it is then.
func TestReadOfSegmentThatIsCutOff(t *testing.T) {
	fs := &hookedFS{VFS: walfs.New()}
	s, err := openOn(fs, t.TempDir(), storage.Options{}, minSegment)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	store := func(log *raft.Log) {
		t.Helper()
		if err := s.StoreLog(log); err != nil {
			t.Fatal(err)
		}
	}
	cut := func(low, high uint64) {
		t.Helper()
		if err := s.DeleteRange(low, high); err != nil {
			t.Fatal(err)
		}
	}
	store(&raft.Log{Index: 1, Term: 1, Data: []byte("old")})

	hook := func() {
		// Filling the segment first makes raft-wal lose count of the reader.
		store(&raft.Log{Index: 2, Term: 1, Data: make([]byte, 2*minSegment)})
		cut(1, 2)
		store(&raft.Log{Index: 1, Term: 2, Data: []byte("new")})
	}
	fs.before.Store(&hook)
	var got raft.Log
	if err := s.GetLog(1, &got); err != nil || string(got.Data) != "new" {
		t.Errorf("got %q, error %v; want the entry that replaced the one cut off", got.Data, err)
	}

	hook = func() {
		store(&raft.Log{Index: 2, Term: 2, Data: make([]byte, 2*minSegment)})
		cut(1, 2)
	}
	fs.before.Store(&hook)
	if err := s.GetLog(1, &got); err != raft.ErrLogNotFound { //nolint:errorlint // Raft compares so
		t.Errorf("got %v, want raft.ErrLogNotFound itself", err)
	}
}
