package guard

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/forkbikash/keyval/storage/internal/dirlock"
)

// disk is what the guard asks of a file system. Tests have one that stops.
type disk interface {
	// read returns a whole file.
	read(path string) ([]byte, error)

	// create makes a file with that content appear durably, whole or not at all.
	create(path string, content []byte) error

	// open opens a file for writing in place.
	open(path string) (markFile, error)

	// syncTree makes all files and directories in and below dir durable. A dir
	// that is not there is no error.
	syncTree(dir string) error
}

// markFile is a file whose size does not change.
type markFile interface {
	WriteAt(b []byte, at int64) (int, error)
	Sync() error
	Close() error
}

// osDisk is that of the operating system.
type osDisk struct{}

func (osDisk) read(path string) ([]byte, error) { return os.ReadFile(path) }

func (osDisk) create(path string, content []byte) error {
	draft := path + ".new"
	f, err := os.OpenFile(draft, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return dirlock.Publish(filepath.Dir(path), filepath.Base(draft), filepath.Base(path))
}

func (osDisk) open(path string) (markFile, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return dataFile{f}, nil
}

// dataFile syncs its content and not its times: its size never changes, so
// that is all it takes.
type dataFile struct{ *os.File }

func (f dataFile) Sync() error { return syncData(f.File) }

func (osDisk) syncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil {
			switch {
			case entry.IsDir():
				err = dirlock.SyncDir(path)
			case entry.Type().IsRegular():
				err = syncFile(path)
			}
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil // removed meanwhile, or never there
		}
		return err
	})
}

func syncFile(path string) error {
	flag := os.O_RDONLY
	if runtime.GOOS == "windows" {
		flag = os.O_RDWR // it syncs no file that is open for reading
	}
	f, err := os.OpenFile(path, flag, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
