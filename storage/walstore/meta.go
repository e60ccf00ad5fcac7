package walstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/raft-wal/metadb"
	"github.com/hashicorp/raft-wal/types"
	"go.etcd.io/bbolt"

	"github.com/forkbikash/keyval/storage/internal/dirlock"
)

var _ types.MetaStore = (*metaStore)(nil)

const metaDraft = metadb.FileName + ".new"

// metaStore keeps raft-wal's list of segments and Raft's votes in the file and
// form of raft-wal's own metadb, which opens it for writing only, waits for its
// lock for ever, and takes setting a key to nothing for removing it.
type metaStore struct {
	readOnly bool
	vfs      types.VFS // of the segments
	db       *bbolt.DB
}

var (
	metaBucket   = []byte(metadb.MetaBucket)
	stableBucket = []byte(metadb.StableBucket)
	stateKey     = []byte(metadb.MetaKey)
)

// Load opens the file, making it first if there is none, and reads the list. It
// leaves no segment half sealed.
func (m *metaStore) Load(dir string) (types.PersistentState, error) {
	var state types.PersistentState
	path := filepath.Join(dir, metadb.FileName)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) && !m.readOnly {
		if err := createMeta(dir); err != nil {
			return state, fmt.Errorf("create %s: %w", metadb.FileName, err)
		}
	}
	db, err := openBolt(path, m.readOnly)
	if err != nil {
		return state, fmt.Errorf("open %s: %w", metadb.FileName, err)
	}
	m.db = db
	err = db.View(func(tx *bbolt.Tx) error {
		meta := tx.Bucket(metaBucket)
		if meta == nil || tx.Bucket(stableBucket) == nil {
			return fmt.Errorf("%w: %s lacks a bucket", types.ErrCorrupt, metadb.FileName)
		}
		raw := meta.Get(stateKey)
		if raw == nil {
			return nil
		}
		if err := json.Unmarshal(raw, &state); err != nil {
			return fmt.Errorf("%w: list of segments: %w", types.ErrCorrupt, err)
		}
		return nil
	})
	if err != nil || m.readOnly {
		return state, err
	}
	settled, err := settleSeal(m.vfs, dir, state)
	if err == nil && len(settled.Segments) != len(state.Segments) {
		err = m.CommitState(settled)
	}
	return settled, err
}

func openBolt(path string, readOnly bool) (*bbolt.DB, error) {
	// Zero would wait for the lock for ever.
	return bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Millisecond, ReadOnly: readOnly})
}

// createMeta builds the file beside its final name, since bbolt cut short while
// it initialises one leaves a file that nothing opens.
func createMeta(dir string) error {
	draft := filepath.Join(dir, metaDraft)
	if err := os.RemoveAll(draft); err != nil {
		return err
	}
	db, err := openBolt(draft, false)
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		_, metaErr := tx.CreateBucket(metaBucket)
		_, stableErr := tx.CreateBucket(stableBucket)
		return errors.Join(metaErr, stableErr)
	})
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	return dirlock.Publish(dir, metaDraft, metadb.FileName)
}

// CommitState replaces the list of segments, durably.
func (m *metaStore) CommitState(state types.PersistentState) error {
	if m.readOnly {
		// Comes while opening only, to list the segment that is begun in memory.
		return nil
	}
	raw, err := json.Marshal(state)
	if err != nil {
		return err
	}
	return m.db.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket(metaBucket).Put(stateKey, raw)
	})
}

// GetStable returns a copy of the value, nil if there is none.
func (m *metaStore) GetStable(key []byte) (value []byte, err error) {
	err = m.db.View(func(tx *bbolt.Tx) error {
		if v := tx.Bucket(stableBucket).Get(key); v != nil {
			value = append([]byte{}, v...)
		}
		return nil
	})
	return value, err
}

// SetStable stores the value, durably.
func (m *metaStore) SetStable(key, value []byte) error {
	return m.db.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket(stableBucket).Put(key, value)
	})
}

// Close closes the file, if it was opened.
func (m *metaStore) Close() error {
	if m.db == nil {
		return nil
	}
	return m.db.Close()
}
