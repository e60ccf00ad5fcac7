package pebblestore

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/internal/dirlock"
	"github.com/forkbikash/keyval/storage/internal/lifecycle"
	"github.com/forkbikash/keyval/storage/internal/settings"
)

const (
	// pebble's files have a directory of their own, so that it can appear whole.
	treeName  = "pebble"
	draftName = "pebble.new"

	defaultMemtable = 16 << 20
	defaultCache    = 8 << 20
)

// Open opens the store in dir.
func Open(dir string, o storage.Options) (storage.Store, error) {
	memtable, cache := int64(defaultMemtable), int64(defaultCache)
	err := settings.Parse("pebble", o.Arg,
		settings.Size("memtable", 1<<20, 1<<30, &memtable),
		settings.Size("cache", 1<<20, 1<<40, &cache))
	if err != nil {
		return nil, err
	}
	acquire := dirlock.Acquire
	if o.ReadOnly {
		acquire = dirlock.AcquireShared
	}
	lock, err := acquire(dir)
	if err != nil {
		return nil, err
	}
	db, err := openTree(dir, o.ReadOnly, func() *pebble.Options { return treeOptions(o, memtable, cache) })
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open pebble log store in %s: %w", dir, err), lock.Release())
	}
	s := &Store{gate: lifecycle.Gate{ReadOnly: o.ReadOnly}, lock: lock, db: db}
	if s.bounds, err = s.readBounds(); err != nil {
		return nil, errors.Join(fmt.Errorf("open pebble log store in %s: %w", dir, err), s.Close())
	}
	return s, nil
}

func treeOptions(o storage.Options, memtable, cache int64) *pebble.Options {
	logger := o.Logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	opts := &pebble.Options{
		// Named, not FormatNewest: moving the format is a decision, since an older
		// program cannot open what a newer format was given to. This one includes
		// FormatWALSyncChunks and checksums the footers of tables.
		FormatMajorVersion: pebble.FormatTableFormatV6,
		MemTableSize:       uint64(memtable),
		CacheSize:          cache,
		Logger:             slogLogger{logger},
		EventListener:      &pebble.EventListener{BackgroundError: endOnError(slogLogger{logger})},
		ReadOnly:           o.ReadOnly,
	}
	if o.ReadOnly {
		opts.FS = unlockedFS{vfs.Default}
	}
	return opts
}

func openTree(dir string, readOnly bool, options func() *pebble.Options) (*pebble.DB, error) {
	path := filepath.Join(dir, treeName)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) && !readOnly {
		if err := create(dir, options()); err != nil {
			return nil, err
		}
	}
	return pebble.Open(path, options())
}

// create builds an empty tree beside its final name: pebble refuses one whose
// first opening was cut short.
func create(dir string, opts *pebble.Options) error {
	draft := filepath.Join(dir, draftName)
	if err := os.RemoveAll(draft); err != nil {
		return err
	}
	db, err := pebble.Open(draft, opts)
	if err != nil {
		return err
	}
	if err := db.Close(); err != nil {
		return err
	}
	return dirlock.Publish(dir, draftName, treeName)
}

// unlockedFS leaves pebble's lock file alone: pebble truncates it to lock it,
// which a reader must not. Our own lock keeps writers out meanwhile.
type unlockedFS struct{ vfs.FS }

func (unlockedFS) Lock(string) (io.Closer, error) { return io.NopCloser(nil), nil }
