package node

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/hashicorp/raft"
)

// fakeSnapshots has snapshots, newest first, some of them damaged.
type fakeSnapshots struct {
	raft.SnapshotStore
	indexes []uint64
	damaged map[uint64]bool
}

func (f fakeSnapshots) List() ([]*raft.SnapshotMeta, error) {
	var metas []*raft.SnapshotMeta
	for _, i := range f.indexes {
		metas = append(metas, &raft.SnapshotMeta{ID: strings.Repeat("i", int(i)), Index: i})
	}
	return metas, nil
}

func (f fakeSnapshots) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	if f.damaged[uint64(len(id))] {
		return nil, nil, errors.New("CRC mismatch")
	}
	return &raft.SnapshotMeta{}, io.NopCloser(bytes.NewReader([]byte("x"))), nil
}

// A snapshot that can be read and not restored must not be passed over for an
// older one: what lies between would be lost.
func TestSnapshotThatCannotBeRestoredIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T, net *network) {
		n := net.found()
		net.put(n, "k", "v")
		if err := n.raft.Snapshot().Error(); err != nil {
			t.Fatal(err)
		}
		net.kill(n)
		snaps := &olderAndNewer{SnapshotStore: n.cfg.Snapshots}
		n.cfg.Snapshots = snaps
		_, err := net.tryStart(n.cfg)
		if err == nil || !strings.Contains(err.Error(), "cannot be restored") {
			t.Errorf("got %v, want a refusal", err)
		}
	})
}

// olderAndNewer has a snapshot, and before it one of the same place that holds
// nothing of keyval's.
type olderAndNewer struct{ raft.SnapshotStore }

func (s *olderAndNewer) List() ([]*raft.SnapshotMeta, error) {
	metas, err := s.SnapshotStore.List()
	if err != nil || len(metas) == 0 {
		return metas, err
	}
	newer := *metas[0]
	newer.ID = "newer"
	return append([]*raft.SnapshotMeta{&newer}, metas...), nil
}

func (s *olderAndNewer) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	if id != "newer" {
		return s.SnapshotStore.Open(id)
	}
	return &raft.SnapshotMeta{ID: id, Size: 5}, io.NopCloser(strings.NewReader("other")), nil
}

func TestCheckSnapshots(t *testing.T) {
	tests := []struct {
		name        string
		snapshots   []uint64
		damaged     map[uint64]bool
		first, last uint64
		gap         uint64 // an index that the log lacks
		refused     bool
	}{
		{name: "nothing"},
		{name: "log alone", first: 1, last: 9},
		{name: "snapshot alone", snapshots: []uint64{9}},
		{name: "both", snapshots: []uint64{9, 5}, first: 6, last: 12},
		{name: "no snapshot for the log", first: 4, last: 9, refused: true},
		{name: "gap after the snapshot", snapshots: []uint64{2}, first: 4, last: 9, refused: true},
		{name: "newest damaged, log reaches back", snapshots: []uint64{9, 5}, damaged: map[uint64]bool{9: true}, first: 6, last: 12},
		{name: "newest damaged, log too late", snapshots: []uint64{9, 5}, damaged: map[uint64]bool{9: true}, first: 7, last: 12, refused: true},
		{name: "newest damaged, log too short", snapshots: []uint64{9, 5}, damaged: map[uint64]bool{9: true}, first: 6, last: 8, refused: true},
		{name: "newest damaged, log with a gap before it", snapshots: []uint64{9, 5}, damaged: map[uint64]bool{9: true}, first: 4, last: 12, gap: 8, refused: true},
		{name: "newest damaged, log with a gap behind the older one", snapshots: []uint64{9, 5}, damaged: map[uint64]bool{9: true}, first: 3, last: 12, gap: 4},
		{name: "newest damaged, log empty", snapshots: []uint64{9, 5}, damaged: map[uint64]bool{9: true}, refused: true},
		{name: "only one and damaged, log whole", snapshots: []uint64{9}, damaged: map[uint64]bool{9: true}, first: 1, last: 12},
		{name: "only one and damaged, log cut", snapshots: []uint64{9}, damaged: map[uint64]bool{9: true}, first: 3, last: 12, refused: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			store := raft.NewInmemStore()
			for i := tt.first; i > 0 && i <= tt.last; i++ {
				if err := store.StoreLog(&raft.Log{Index: i}); err != nil {
					t.Fatal(err)
				}
			}
			if tt.gap > 0 {
				if err := store.DeleteRange(tt.gap, tt.gap); err != nil {
					t.Fatal(err)
				}
			}
			_, err := mendHistory(fakeSnapshots{indexes: tt.snapshots, damaged: tt.damaged}, store, slog.New(slog.DiscardHandler))
			if (err != nil) != tt.refused {
				t.Errorf("got %v, want refused: %t", err, tt.refused)
			}
		})
	}
}

// A node whose only snapshot is damaged starts on its log when that is whole.
func TestOnlySnapshotIsDamagedAndLogWhole(t *testing.T) {
	bubble(t, func(t *testing.T, net *network) {
		n := net.found()
		net.put(n, "k", "v")
		if err := n.raft.Snapshot().Error(); err != nil {
			t.Fatal(err)
		}
		net.kill(n)
		n.cfg.Snapshots = unreadable{n.cfg.Snapshots}
		net.start(n.cfg)
		net.awaitKey(net.leader(), "k", "v")
	})
}

// unreadable is a snapshot store of which nothing can be opened.
type unreadable struct{ raft.SnapshotStore }

func (unreadable) Open(string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	return nil, nil, errors.New("CRC mismatch")
}

func TestDropCovered(t *testing.T) {
	tests := []struct {
		name              string
		snapshots         []uint64
		first, last, kept uint64
	}{
		{name: "nothing"},
		{name: "log alone", first: 1, last: 9, kept: 9},
		{name: "snapshot alone", snapshots: []uint64{9}},
		{name: "log beyond the snapshot", snapshots: []uint64{9, 5}, first: 6, last: 12, kept: 12},
		{name: "log up to the snapshot", snapshots: []uint64{9, 5}, first: 6, last: 9, kept: 9},
		{name: "log before the snapshot", snapshots: []uint64{9, 5}, first: 6, last: 8},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			store := raft.NewInmemStore()
			for i := tt.first; i > 0 && i <= tt.last; i++ {
				if err := store.StoreLog(&raft.Log{Index: i}); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := mendHistory(fakeSnapshots{indexes: tt.snapshots}, store, slog.New(slog.DiscardHandler)); err != nil {
				t.Fatal(err)
			}
			if last, err := store.LastIndex(); err != nil || last != tt.kept {
				t.Errorf("the log ends at %d, %v, want %d", last, err, tt.kept)
			}
		})
	}
}
