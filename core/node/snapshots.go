package node

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"

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
// leaves them as hashicorp/raft can start on them: without the snapshots that
// cannot be read, which it would otherwise try again.
func mendHistory(snaps raft.SnapshotStore, logs raft.LogStore, log *slog.Logger) (raft.SnapshotStore, error) {
	h, err := readHistory(snaps, logs)
	if err != nil {
		return nil, err
	}
	damaged, err := h.checkSnapshots(log)
	if err != nil {
		return nil, err
	}
	if err := h.dropCovered(log, damaged); err != nil {
		return nil, err
	}
	if len(damaged) == 0 {
		return snaps, nil
	}
	return withoutDamaged{snaps, damaged}, nil
}

// withoutDamaged is a snapshot store that does not list some of what it has.
type withoutDamaged struct {
	raft.SnapshotStore
	damaged map[string]bool // by id
}

func (s withoutDamaged) List() ([]*raft.SnapshotMeta, error) {
	metas, err := s.SnapshotStore.List()
	return slices.DeleteFunc(metas, func(m *raft.SnapshotMeta) bool { return s.damaged[m.ID] }), err
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
// log reaches back to an older one that can, or to its own beginning. Left alone,
// hashicorp/raft falls back silently and loses what lies between
// (restoreSnapshot in its api.go). It returns the ids of those newer than the one
// to start on.
func (h history) checkSnapshots(log *slog.Logger) (map[string]bool, error) {
	damaged := make(map[string]bool)
	var errs error
	lost := uint64(0) // newest index that only a damaged snapshot holds
	good := uint64(0)
	for _, m := range h.metas {
		err := readable(h.snaps, m.ID)
		if err == nil {
			good = m.Index
			break
		}
		log.Error("a snapshot cannot be read", "id", m.ID, "error", err)
		damaged[m.ID] = true
		errs = errors.Join(errs, fmt.Errorf("snapshot %s: %w", m.ID, err))
		lost = max(lost, m.Index)
	}
	if errs != nil && !h.logHas(good+1, lost) {
		return nil, fmt.Errorf("the newest snapshot is damaged and the log (%d to %d) does not reach back to an older one (up to %d): restore it, or let this node join again with an empty data directory: %w", h.first, h.last, good, errs)
	}
	if h.first > good+1 {
		return nil, fmt.Errorf("entries %d to %d are missing: the log begins at %d and no snapshot reaches it: restore the snapshots, or let this node join again with an empty data directory", good+1, h.first-1, h.first)
	}
	return damaged, nil
}

// logHas says whether the log has every entry from low to high. One that may
// have gaps has one where a snapshot was installed.
func (h history) logHas(low, high uint64) bool {
	for i := low; i <= high; i++ {
		if err := h.logs.GetLog(i, new(raft.Log)); err != nil {
			return false
		}
	}
	return true
}

// dropCovered empties a log that ends before the snapshot to start on. A node
// that was killed after it had installed a snapshot and before it had cut its log
// comes back with both; hashicorp/raft would append what follows the snapshot
// after the old end (it cuts only in installSnapshot in its raft.go), which a
// contiguous log refuses for ever and another keeps as a gap.
func (h history) dropCovered(log *slog.Logger, damaged map[string]bool) error {
	start := slices.IndexFunc(h.metas, func(m *raft.SnapshotMeta) bool { return !damaged[m.ID] })
	if start < 0 || h.last == 0 || h.last >= h.metas[start].Index {
		return nil
	}
	log.Info("dropping a log that ends before the snapshot", "first", h.first, "last", h.last, "snapshot", h.metas[start].Index)
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
