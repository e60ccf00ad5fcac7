package app

import (
	"bytes"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/raft"
)

// snapshotDir has snapshots of index 5 and 9, the newest last.
func snapshotDir(t *testing.T) (base string, ids []string) {
	t.Helper()
	base = t.TempDir()
	s := mustOpenSnapshots(t, base)
	_, trans := raft.NewInmemTransport("")
	for _, index := range []uint64{5, 9} {
		sink, err := s.Create(1, index, 2, raft.Configuration{}, 1, trans)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(sink, "state"); err != nil {
			t.Fatal(err)
		}
		if err := sink.Close(); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, sink.ID())
	}
	return base, ids
}

func mustOpenSnapshots(t *testing.T, base string) raft.SnapshotStore {
	t.Helper()
	s, err := openSnapshots(base, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSnapshotWithDamagedMetadata(t *testing.T) {
	for _, tt := range []struct {
		name   string
		damage func([]byte) []byte
		want   string // in the error
	}{
		{"cut off", func(b []byte) []byte { return b[:10] }, "unexpected EOF"},
		{"empty", func([]byte) []byte { return nil }, "EOF"},
		{"another index", func(b []byte) []byte { return bytes.Replace(b, []byte(`"Index":9`), []byte(`"Index":8`), 1) }, "index 8"},
		{"another term", func(b []byte) []byte { return bytes.Replace(b, []byte(`"Term":2`), []byte(`"Term":3`), 1) }, "term 3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			base, ids := snapshotDir(t)
			file := filepath.Join(base, "snapshots", ids[1], "meta.json")
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, tt.damage(b), 0o600); err != nil {
				t.Fatal(err)
			}
			s := mustOpenSnapshots(t, base)
			metas, err := s.List()
			if err != nil || len(metas) != 2 || metas[0].ID != ids[1] || metas[0].Index != 9 || metas[1].ID != ids[0] {
				t.Fatalf("got %+v, %v; want both, and the damaged one of index 9 first", metas, err)
			}
			if _, _, err := s.Open(ids[1]); err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), ids[1]) {
				t.Errorf("got %v, want an error that names the snapshot and %q", err, tt.want)
			}
			_, rc, err := s.Open(ids[0])
			if err != nil {
				t.Fatal(err)
			}
			if err := rc.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// What is not a snapshot, or one that was never whole, is not listed.
func TestSnapshotsThatNeverWere(t *testing.T) {
	base, ids := snapshotDir(t)
	for _, name := range []string{"2-99-1700000000000.tmp", "lost+found"} {
		if err := os.Mkdir(filepath.Join(base, "snapshots", name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	metas, err := mustOpenSnapshots(t, base).List()
	if err != nil || len(metas) != 2 || metas[0].ID != ids[1] {
		t.Errorf("got %+v, %v; want two, the newest first", metas, err)
	}
}
