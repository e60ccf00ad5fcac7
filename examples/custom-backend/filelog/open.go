package filelog

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/gofrs/flock"

	"github.com/forkbikash/keyval/storage"
)

const (
	logName  = "log"
	newName  = "log.new" // one that is being made: nobody reads it
	lockName = "lock"
)

// Open is a storage.Opener. There are no settings.
func Open(dir string, o storage.Options) (storage.Store, error) {
	if o.Arg != "" {
		return nil, &storage.ArgError{Reason: fmt.Sprintf("%q is no setting of this log store: it takes none", o.Arg)}
	}
	lock, err := acquire(dir, o.ReadOnly)
	if err != nil {
		return nil, fmt.Errorf("open log store in %s: %w", dir, err)
	}
	s := &Store{dir: dir, readOnly: o.ReadOnly, lock: lock}
	if err := s.load(); err != nil {
		if s.file != nil {
			err = errors.Join(err, s.file.Close())
		}
		return nil, errors.Join(fmt.Errorf("open log store in %s: %w", dir, err), lock.Close())
	}
	return s, nil
}

// acquire takes the directory for this store alone, or together with others
// that only read, and never waits. The lock goes with the process.
func acquire(dir string, readOnly bool) (*flock.Flock, error) {
	if _, err := os.Stat(filepath.Join(dir, logName)); err != nil && readOnly {
		return nil, err // there is nothing to read, and nothing to lock
	}
	flag, path := os.O_CREATE|os.O_RDWR, filepath.Join(dir, lockName)
	if readOnly {
		flag = os.O_RDONLY
	}
	lock := flock.New(path, flock.SetFlag(flag))
	try := lock.TryLock
	if readOnly {
		try = lock.TryRLock
	}
	ok, err := try()
	if err == nil && !ok {
		err = errors.New("it is already open, here or in another process")
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return lock, nil
}

// load reads the file, which it makes if it is not there.
func (s *Store) load() error {
	s.state = newState()
	path := filepath.Join(s.dir, logName)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		if err := s.publish([]byte(magic)); err != nil {
			return err
		}
	}
	flag := os.O_RDWR
	if s.readOnly {
		flag = os.O_RDONLY
	}
	var err error
	if s.file, err = os.OpenFile(path, flag, 0); err != nil {
		return err
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := s.replay(content); err != nil {
		return err
	}
	if s.size == int64(len(content)) || s.readOnly {
		return nil
	}
	if err := s.file.Truncate(s.size); err != nil {
		return err
	}
	return s.file.Sync()
}

// replay applies the records of a file and sets size to where the whole ones
// end.
func (s *Store) replay(content []byte) error {
	if !bytes.HasPrefix(content, []byte(magic)) {
		return errors.New("the file log is none of this store, or of another version")
	}
	for s.size = int64(len(magic)); s.size < int64(len(content)); {
		payload, ok := recordAt(content, s.size)
		if !ok {
			return tornAt(content, s.size)
		}
		if err := s.apply(s.size+headerSize, payload); err != nil {
			return fmt.Errorf("record at %d: %w", s.size, err)
		}
		s.size += headerSize + int64(len(payload))
	}
	return nil
}

// tornAt returns nil if the record that is not whole can be what a crash left.
// Every write waits for the one before it, so none that is whole follows then.
func tornAt(content []byte, at int64) error {
	for next := at + 1; next+headerSize <= int64(len(content)); next++ {
		if _, ok := recordAt(content, next); ok {
			return fmt.Errorf("the record at %d is damaged, for one at %d is whole", at, next)
		}
	}
	return nil
}

// publish makes a file with the content take the place of log, durably: after a
// crash there is the one before or this one.
func (s *Store) publish(content []byte) error {
	path := filepath.Join(s.dir, newName)
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path, filepath.Join(s.dir, logName)); err != nil {
		return err
	}
	return syncDir(s.dir)
}

func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // a directory cannot be synced there
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
