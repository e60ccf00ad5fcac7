package boltstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/internal/dirlock"
	"github.com/forkbikash/keyval/storage/internal/lifecycle"
	"github.com/forkbikash/keyval/storage/internal/settings"
)

const (
	fileName  = "raft.db"
	draftName = "raft.db.new"
)

// Open opens the store in dir.
func Open(dir string, o storage.Options) (storage.Store, error) {
	bolt, err := boltOptions(o)
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
	db, err := openFile(dir, bolt)
	if errors.Is(err, bolterrors.ErrTimeout) { // held by a program that knows nothing of our lock
		return nil, errors.Join(dirlock.InUse(dir), lock.Release())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open bolt log store in %s: %w", dir, err), lock.Release())
	}
	return &Store{gate: lifecycle.Gate{ReadOnly: o.ReadOnly}, lock: lock, db: db}, nil
}

func boltOptions(o storage.Options) (*bbolt.Options, error) {
	bolt := &bbolt.Options{
		// bbolt tries for as long as this; it must not be zero, which is for ever.
		Timeout:        time.Millisecond,
		ReadOnly:       o.ReadOnly,
		FreelistType:   bbolt.FreelistMapType,
		NoFreelistSync: true,
	}
	err := settings.Parse("bolt", o.Arg,
		settings.Setting{Key: "freelist", Form: "map|array", Set: func(value string) error {
			switch value {
			case "map":
				bolt.FreelistType = bbolt.FreelistMapType
			case "array":
				bolt.FreelistType = bbolt.FreelistArrayType
			default:
				return errors.New("is neither map nor array")
			}
			return nil
		}},
		settings.Bool("nofreelistsync", &bolt.NoFreelistSync),
	)
	return bolt, err
}

func openFile(dir string, bolt *bbolt.Options) (*raftboltdb.BoltStore, error) {
	path := filepath.Join(dir, fileName)
	_, err := os.Stat(path)
	switch {
	case err == nil && bolt.ReadOnly:
		err = checkBuckets(path, bolt)
	case errors.Is(err, fs.ErrNotExist) && !bolt.ReadOnly:
		err = create(dir, bolt)
	}
	if err != nil {
		return nil, err
	}
	return raftboltdb.New(raftboltdb.Options{Path: path, BoltOptions: bolt})
}

// create builds an empty store beside its final name. bbolt writes a new file
// in place and syncs no directory: cut short, that is a file nothing opens, or
// none at all where entries had been acknowledged.
func create(dir string, bolt *bbolt.Options) error {
	draft := filepath.Join(dir, draftName)
	if err := os.RemoveAll(draft); err != nil {
		return err
	}
	db, err := raftboltdb.New(raftboltdb.Options{Path: draft, BoltOptions: bolt})
	if err != nil {
		return err
	}
	if err := db.Close(); err != nil {
		return err
	}
	return dirlock.Publish(dir, draftName, fileName)
}

// checkBuckets refuses a file that is bbolt's but not a log store: opened for
// reading, raft-boltdb takes its buckets for granted and would panic.
func checkBuckets(path string, bolt *bbolt.Options) error {
	db, err := bbolt.Open(path, 0o600, bolt)
	if err != nil {
		return err
	}
	err = db.View(func(tx *bbolt.Tx) error {
		for _, name := range []string{"logs", "conf"} {
			if tx.Bucket([]byte(name)) == nil {
				return fmt.Errorf("%s is not a Raft log: it has no bucket %q", path, name)
			}
		}
		return nil
	})
	return errors.Join(err, db.Close())
}
