// Package dirlock lets one store at a time have a directory.
//
// The engines lock as well, but each in its own way: one waits for ever, one
// holds a POSIX lock that a second open of the same process would drop. This
// lock belongs to the open file, so it counts within a process too, is never
// waited for, and goes when the process dies.
package dirlock

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

// FileName is the file in a store's directory that carries the lock. It is
// never removed: a removed lock file is one that two can hold.
const FileName = "store.lock"

// Lock is a directory held. The nil Lock holds nothing and releases nothing.
type Lock struct{ file *flock.Flock }

// Acquire takes dir for reading and writing, or says at once that somebody
// else has it.
func Acquire(dir string) (*Lock, error) {
	if err := checkDir(dir); err != nil {
		return nil, err
	}
	// Opened for writing, since some network file systems lock only such files.
	file := flock.New(filepath.Join(dir, FileName), flock.SetFlag(os.O_CREATE|os.O_RDWR))
	return try(dir, file, file.TryLock)
}

// AcquireShared takes dir together with other readers and changes nothing in
// it: where no lock file is, it returns nil, and the engine's own lock is left.
func AcquireShared(dir string) (*Lock, error) {
	if err := checkDir(dir); err != nil {
		return nil, err
	}
	file := flock.New(filepath.Join(dir, FileName), flock.SetFlag(os.O_RDONLY))
	lock, err := try(dir, file, file.TryRLock)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return lock, err
}

func checkDir(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("log store directory: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("log store directory %s is a file", dir)
	}
	return nil
}

func try(dir string, file *flock.Flock, lock func() (bool, error)) (*Lock, error) {
	ok, err := lock()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock log store: %w", err), file.Close())
	}
	if !ok {
		return nil, errors.Join(InUse(dir), file.Close())
	}
	return &Lock{file: file}, nil
}

// InUse is the error for a directory that somebody else has.
func InUse(dir string) error {
	return fmt.Errorf("log store in %s is already open, here or in another process", dir)
}

// Release gives the directory back.
func (l *Lock) Release() error {
	if l == nil {
		return nil
	}
	return l.file.Close()
}
