package node

import (
	"io"
	"testing"

	"github.com/hashicorp/raft"
)

func newSink(t *testing.T, s *MemorySnapshots, index uint64, data string) raft.SnapshotSink {
	t.Helper()
	sink, err := s.Create(1, index, 2, raft.Configuration{}, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sink.Write([]byte(data)); err != nil {
		t.Fatal(err)
	}
	return sink
}

// wantNewest checks what is listed, and what it holds; "" is nothing.
func wantNewest(t *testing.T, s *MemorySnapshots, want string) {
	t.Helper()
	metas, err := s.List()
	if err != nil || len(metas) > 1 || (len(metas) == 1) != (want != "") {
		t.Fatalf("got %d snapshots, %v; want %q", len(metas), err, want)
	}
	if want == "" {
		return
	}
	meta, rc, err := s.Open(metas[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(rc)
	if err != nil || string(got) != want || meta.Size != int64(len(want)) || meta.Term != 2 {
		t.Errorf("got %q, %v, and %+v; want %q", got, err, meta, want)
	}
}

func TestMemorySnapshots(t *testing.T) {
	var s MemorySnapshots
	wantNewest(t, &s, "")
	first := newSink(t, &s, 5, "first")
	wantNewest(t, &s, "") // it is not whole
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	wantNewest(t, &s, "first")

	cancelled := newSink(t, &s, 9, "half")
	for _, end := range []func() error{cancelled.Cancel, cancelled.Close} {
		if err := end(); err != nil {
			t.Fatal(err)
		}
	}
	wantNewest(t, &s, "first")
	if _, err := cancelled.Write([]byte("more")); err == nil {
		t.Error("a cancelled snapshot takes more")
	}

	newer, older := newSink(t, &s, 8, "newer"), newSink(t, &s, 7, "older")
	for _, end := range []func() error{newer.Close, newer.Cancel, older.Close} {
		if err := end(); err != nil {
			t.Fatal(err)
		}
	}
	wantNewest(t, &s, "newer")
	if _, _, err := s.Open(first.ID()); err == nil {
		t.Error("a snapshot that was replaced can be opened")
	}
}
