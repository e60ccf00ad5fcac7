package node

import (
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/hashicorp/raft"
)

// history is what a node that starts has of earlier runs.
type history struct {
	snaps       raft.SnapshotStore
	logs        raft.LogStore
	metas       []*raft.SnapshotMeta // newest first
	first, last uint64               // of the log; 0 when it is empty
}

// mendHistory makes sure that snaps and logs together hold everything, and
// leaves them as hashicorp/raft can start on them.
func mendHistory(snaps raft.SnapshotStore, logs raft.LogStore, log *slog.Logger) error {
	h, err := readHistory(snaps, logs)
	if err != nil {
		return err
	}
	if err := h.checkSnapshots(log); err != nil {
		return err
	}
	return h.dropCovered(log)
}

func readHistory(snaps raft.SnapshotStore, logs raft.LogStore) (h history, err error) {
	h.snaps, h.logs = snaps, logs
	if h.metas, err = snaps.List(); err != nil {
		return h, fmt.Errorf("list snapshots: %w", err)
	}
	if h.first, err = logs.FirstIndex(); err != nil {
		return h, fmt.Errorf("read the log: %w", err)
	}
	if h.last, err = logs.LastIndex(); err != nil {
		return h, fmt.Errorf("read the log: %w", err)
	}
	return h, nil
}

// checkSnapshots refuses to start on a snapshot that cannot be read, unless the
// log reaches back to an older one that can. Left alone, hashicorp/raft falls
// back silently and loses what lies between (restoreSnapshot in its api.go).
func (h history) checkSnapshots(log *slog.Logger) error {
	first, last := h.first, h.last
	var damaged error
	lost := uint64(0) // newest index that only a damaged snapshot holds
	good := uint64(0)
	for _, m := range h.metas {
		err := readable(h.snaps, m.ID)
		if err == nil {
			good = m.Index
			break
		}
		log.Error("a snapshot cannot be read", "id", m.ID, "error", err)
		damaged = errors.Join(damaged, fmt.Errorf("snapshot %s: %w", m.ID, err))
		lost = max(lost, m.Index)
	}
	if damaged != nil && (first > good+1 || last < lost) {
		return fmt.Errorf("the newest snapshot is damaged and the log (%d to %d) does not reach back to an older one (up to %d): restore it, or let this node join again with an empty data directory: %w", first, last, good, damaged)
	}
	if first > good+1 {
		return fmt.Errorf("entries %d to %d are missing: the log begins at %d and no snapshot reaches it: restore the snapshots, or let this node join again with an empty data directory", good+1, first-1, first)
	}
	return nil
}

// dropCovered empties a log that ends before the newest snapshot, which
// checkSnapshots has found readable. A node that was killed after it had installed
// a snapshot and before it had cut its log comes back with both; hashicorp/raft
// would append what follows the snapshot after the old end (it cuts only in
// installSnapshot in its raft.go), which a contiguous log refuses for ever and
// another keeps as a gap.
func (h history) dropCovered(log *slog.Logger) error {
	if len(h.metas) == 0 || h.last == 0 || h.last >= h.metas[0].Index {
		return nil
	}
	log.Info("dropping a log that ends before the snapshot", "first", h.first, "last", h.last, "snapshot", h.metas[0].Index)
	if err := h.logs.DeleteRange(h.first, h.last); err != nil {
		return fmt.Errorf("drop the log that ends before the snapshot: %w", err)
	}
	return nil
}

// readable opens a snapshot, which checks its sum where the store keeps one.
func readable(snaps raft.SnapshotStore, id string) error {
	_, rc, err := snaps.Open(id)
	if err != nil {
		return err
	}
	var b [1]byte
	if _, err := io.ReadFull(rc, b[:]); err != nil {
		return errors.Join(fmt.Errorf("read: %w", err), rc.Close())
	}
	return rc.Close()
}
