package walstore

import (
	"errors"
	"fmt"
	"math"

	wal "github.com/hashicorp/raft-wal"
	walfs "github.com/hashicorp/raft-wal/fs"
	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/internal/dirlock"
	"github.com/forkbikash/keyval/storage/internal/lifecycle"
	"github.com/forkbikash/keyval/storage/internal/settings"
)

const (
	defaultSegment = 64 << 20
	minSegment     = 64 << 10
	maxSegment     = math.MaxInt32 &^ (1<<20 - 1) // raft-wal preallocates at most MaxInt32
)

// Open opens the store in dir.
func Open(dir string, o storage.Options) (storage.Store, error) {
	segmentSize := int64(defaultSegment)
	if err := settings.Parse("wal", o.Arg, settings.Size("segment", minSegment, maxSegment, &segmentSize)); err != nil {
		return nil, err
	}
	if o.ReadOnly {
		return openOn(readOnlyFS{}, dir, o, segmentSize)
	}
	return openOn(walfs.New(), dir, o, segmentSize)
}

// openOn opens the store in dir, whose segment files are reached through vfs.
func openOn(vfs types.VFS, dir string, o storage.Options, segmentSize int64) (storage.Store, error) {
	acquire := dirlock.Acquire
	if o.ReadOnly {
		acquire = dirlock.AcquireShared
	}
	lock, err := acquire(dir)
	if err != nil {
		return nil, err
	}
	meta := &metaStore{readOnly: o.ReadOnly, vfs: vfs}
	w, err := wal.Open(dir,
		wal.WithSegmentSize(int(segmentSize)),
		wal.WithLogger(hclogOf(o.Logger)),
		wal.WithMetaStore(meta),
		wal.WithSegmentFiler(segment.NewFiler(dir, vfs)),
	)
	if errors.Is(err, bolterrors.ErrTimeout) { // held by a program that knows nothing of our lock
		err = dirlock.InUse(dir)
	}
	if err == nil && !o.ReadOnly {
		// raft-wal syncs the directory with the first append to a segment that it
		// made, not to one that it found; a process killed in between leaves a
		// segment whose name only the page cache has.
		if err = dirlock.SyncDir(dir); err != nil {
			err = errors.Join(err, w.Close())
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open wal log store in %s: %w", dir, err), meta.Close(), lock.Release())
	}
	return &Store{gate: lifecycle.Gate{ReadOnly: o.ReadOnly}, lock: lock, wal: w}, nil
}
