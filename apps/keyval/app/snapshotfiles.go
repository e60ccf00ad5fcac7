package app

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc64"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/hashicorp/raft"
)

// snapshotFile is one snapshot in a data directory, as hashicorp/raft keeps it.
// Its own store cannot read one without writing: it makes the directory, and a
// file to see whether it may.
type snapshotFile struct {
	ID    string
	Index uint64 // that of the directory's name, as namedSnapshots has it
	Term  uint64
	Size  int64
	Meta  raft.SnapshotMeta // without Err
	Err   error             // why it cannot be read
	dir   string
}

// snapshotFiles are those of a directory, the newest first.
type snapshotFiles []snapshotFile

// newestGood is the index of the newest one that can be read, or 0.
func (s snapshotFiles) newestGood() uint64 {
	for _, f := range s {
		if f.Err == nil {
			return f.Index
		}
	}
	return 0
}

// readSnapshots reads the snapshots below base to their ends.
func readSnapshots(base string) (all snapshotFiles, err error) {
	dir := filepath.Join(base, "snapshots")
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		term, index, ok := parseSnapshotName(e.Name())
		if !ok || !e.IsDir() {
			continue
		}
		f := snapshotFile{ID: e.Name(), Index: index, Term: term, dir: filepath.Join(dir, e.Name())}
		f.Err = f.read()
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b snapshotFile) int {
		return cmp.Or(cmp.Compare(b.Term, a.Term), cmp.Compare(b.Index, a.Index), cmp.Compare(b.ID, a.ID))
	})
	return all, nil
}

func (f *snapshotFile) read() error {
	sum, err := f.readMeta()
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(f.dir, "meta.json"), err)
	}
	r, err := f.open()
	if err != nil {
		return err
	}
	hash := crc64.New(crc64.MakeTable(crc64.ECMA))
	f.Size, err = io.Copy(hash, r)
	if err := errors.Join(err, r.Close()); err != nil {
		return err
	}
	switch {
	case f.Size != f.Meta.Size:
		return fmt.Errorf("%s has %d bytes, not %d", r.Name(), f.Size, f.Meta.Size)
	case !bytes.Equal(hash.Sum(nil), sum):
		return fmt.Errorf("%s is damaged: its checksum does not fit", r.Name())
	}
	return nil
}

func (f *snapshotFile) open() (*os.File, error) { return os.Open(filepath.Join(f.dir, "state.bin")) }

// readMeta reads what belongs to the state, and returns its checksum.
func (f *snapshotFile) readMeta() ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(f.dir, "meta.json"))
	if err != nil {
		return nil, err
	}
	var meta struct {
		raft.SnapshotMeta
		CRC []byte
	}
	if err := json.Unmarshal(b, &meta); err != nil {
		return nil, err
	}
	if meta.ID != f.ID || meta.Index != f.Index || meta.Term != f.Term {
		return nil, fmt.Errorf("it says that the snapshot is %s, of term %d and index %d", meta.ID, meta.Term, meta.Index)
	}
	f.Meta = meta.SnapshotMeta
	return meta.CRC, nil
}
