package walstore

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	walfs "github.com/hashicorp/raft-wal/fs"
	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"

	"github.com/forkbikash/keyval/storage"
)

// reopened calls do with the store in dir, and closes it.
func reopened(t *testing.T, dir string, do func(storage.Store) error) {
	t.Helper()
	s, err := Open(dir, storage.Options{Arg: "segment=64KiB"})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(do(s), s.Close()); err != nil {
		t.Fatal(err)
	}
}

func smallEntry(index uint64) *raft.Log {
	return &raft.Log{Index: index, Term: 1, Data: []byte{byte(index)}}
}

// atTail writes to the newest segment behind the back of the list of segments,
// as raft-wal does before it brings that up to date. It returns the file.
func atTail(t *testing.T, dir string, do func(types.SegmentWriter) error) string {
	t.Helper()
	meta := &metaStore{readOnly: true}
	state, err := meta.Load(dir)
	if err := errors.Join(err, meta.Close()); err != nil {
		t.Fatal(err)
	}
	newest := state.Segments[len(state.Segments)-1]
	w, err := segment.NewFiler(dir, walfs.New()).RecoverTail(newest)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(do(w), w.Close()); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, segment.FileName(newest))
}

// fillSegment appends an entry with which the segment is full, and its index.
func fillSegment(w types.SegmentWriter) error {
	var encoded bytes.Buffer
	log := &raft.Log{Index: 4, Term: 1, Data: bytes.Repeat([]byte{4}, 2*minSegment)}
	if err := new(wal.BinaryCodec).Encode(log, &encoded); err != nil {
		return err
	}
	if err := w.Append([]types.LogEntry{{Index: 4, Data: encoded.Bytes()}}); err != nil {
		return err
	}
	if sealed, _, err := w.Sealed(); err != nil || !sealed {
		return errors.Join(errors.New("the segment is not full"), err)
	}
	return nil
}

// A process that ends while it seals a segment leaves a log that goes on.
func TestSealCutShort(t *testing.T) {
	for _, tc := range []struct {
		name string
		do   func(types.SegmentWriter) error
		torn bool
		last uint64
	}{
		{"cutting the tail", func(w types.SegmentWriter) error { _, err := w.ForceSeal(); return err }, false, 3},
		{"cutting the tail, torn", func(w types.SegmentWriter) error { _, err := w.ForceSeal(); return err }, true, 3},
		{"filled by an append", fillSegment, false, 4},
		{"filled by an append, torn", fillSegment, true, 3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			reopened(t, dir, func(s storage.Store) error {
				return s.StoreLogs([]*raft.Log{smallEntry(1), smallEntry(2), smallEntry(3)})
			})
			file := atTail(t, dir, tc.do)
			if tc.torn {
				tearLastWord(t, file)
			}
			for round := range uint64(3) {
				want := tc.last + round
				reopened(t, dir, func(s storage.Store) error {
					if last, err := s.LastIndex(); err != nil || last != want {
						t.Errorf("got last index %d, error %v; want %d", last, err, want)
					}
					for i := uint64(1); i <= want; i++ {
						var got raft.Log
						if err := s.GetLog(i, &got); err != nil || got.Data[0] != byte(i) {
							t.Errorf("entry %d: got %v, error %v", i, got.Index, err)
						}
					}
					return s.StoreLog(smallEntry(want + 1))
				})
			}
		})
	}
}

// tearLastWord removes the last eight bytes that are not zero.
func tearLastWord(t *testing.T, path string) {
	t.Helper()
	all, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	end := (len(bytes.TrimRight(all, "\x00")) + 7) / 8 * 8
	clear(all[end-8 : end])
	if err := os.WriteFile(path, all, 0o600); err != nil {
		t.Fatal(err)
	}
}
