package app

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/core/node"
)

// snapshotsRetained is how many snapshots a node keeps: the newest, and one
// before it in case that one is damaged.
const snapshotsRetained = 2

func openSnapshots(base string, log *slog.Logger) (raft.SnapshotStore, error) {
	files, err := raft.NewFileSnapshotStoreWithLogger(base, snapshotsRetained, node.RaftLogger(log))
	if err != nil {
		return nil, fmt.Errorf("snapshots in %s: %w", base, err)
	}
	return namedSnapshots{files, filepath.Join(base, "snapshots")}, nil
}

// namedSnapshots believes the name of a snapshot's directory, which has its term
// and index. hashicorp/raft passes over a snapshot whose meta.json it cannot
// read, as if it had never been, and that file has no checksum: a digit that
// flipped would label the state with another index.
type namedSnapshots struct {
	*raft.FileSnapshotStore
	dir string
}

// List lists, beside those that can be read, whatever is newer. To open that is
// an error, so whoever starts on these snapshots learns what is missing.
func (s namedSnapshots) List() ([]*raft.SnapshotMeta, error) {
	metas, err := s.FileSnapshotStore.List()
	if err != nil {
		return nil, err
	}
	newest := uint64(0)
	for _, m := range metas {
		if term, index, ok := parseSnapshotName(m.ID); ok {
			m.Term, m.Index = term, index
		}
		newest = max(newest, m.Index)
	}
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if term, index, ok := parseSnapshotName(e.Name()); ok && e.IsDir() && index > newest {
			metas = append(metas, &raft.SnapshotMeta{ID: e.Name(), Term: term, Index: index})
		}
	}
	slices.SortStableFunc(metas, func(a, b *raft.SnapshotMeta) int {
		return cmp.Or(cmp.Compare(b.Term, a.Term), cmp.Compare(b.Index, a.Index))
	})
	return metas, nil
}

// Open opens a snapshot whose metadata agrees with its name.
func (s namedSnapshots) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	meta, rc, err := s.FileSnapshotStore.Open(id)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", filepath.Join(s.dir, id), err)
	}
	term, index, ok := parseSnapshotName(id)
	if ok && (meta.Term != term || meta.Index != index || meta.ID != id) {
		_ = rc.Close() // nothing was written
		return nil, nil, fmt.Errorf("%s is damaged: it says that the snapshot is %s, of term %d and index %d",
			filepath.Join(s.dir, id, "meta.json"), meta.ID, meta.Term, meta.Index)
	}
	return meta, rc, nil
}

// parseSnapshotName reads TERM-INDEX-MILLISECONDS, as hashicorp/raft names a
// snapshot that is whole.
func parseSnapshotName(name string) (term, index uint64, ok bool) {
	var at uint64
	n, err := fmt.Sscanf(name, "%d-%d-%d", &term, &index, &at)
	return term, index, n == 3 && err == nil && !strings.HasSuffix(name, ".tmp")
}
