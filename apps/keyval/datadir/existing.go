package datadir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/gofrs/flock"
)

// OpenExisting makes dir, which belongs to a node, the running process's alone.
// Where Open would make something it is an error, and nothing is changed.
func OpenExisting(dir string) (*Dir, error) {
	return openExisting(dir, func(d *Dir) error { return d.acquire() })
}

// OpenForReading is OpenExisting for who changes nothing: others may read the
// directory meanwhile, and none may use it.
func OpenForReading(dir string) (*Dir, error) {
	return openExisting(dir, func(d *Dir) error {
		d.readOnly = true
		return d.share()
	})
}

func openExisting(dir string, lock func(*Dir) error) (*Dir, error) {
	d, err := at(dir)
	if err != nil {
		return nil, err
	}
	// Before the lock, so that nothing is left behind where no node is.
	if _, err := d.readMarker(); err != nil {
		return nil, err
	}
	if err := lock(d); err != nil {
		return nil, err
	}
	// Once more: the one that had the lock may have changed it.
	if d.marker, err = d.readMarker(); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func (d *Dir) readMarker() (Marker, error) {
	info, err := os.Stat(d.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Marker{}, fmt.Errorf("there is no directory %s: name a node's data directory", d.path)
	case err != nil:
		return Marker{}, d.explain("cannot read", err)
	case !info.IsDir():
		return Marker{}, fmt.Errorf("%s is a file: name a node's data directory", d.path)
	}
	b, err := os.ReadFile(d.file(markerName))
	if errors.Is(err, fs.ErrNotExist) {
		return Marker{}, fmt.Errorf("%s is not a node's data directory: it has no %s: name another, or restore the marker",
			d.path, markerName)
	}
	if err != nil {
		return Marker{}, d.explain("cannot read", err)
	}
	return d.understand(b)
}

// share takes the lock together with other readers. Where there is no lock file,
// as in a copy that somebody made, nobody can hold it.
func (d *Dir) share() error {
	lock := flock.New(d.file(lockName), flock.SetFlag(os.O_RDONLY))
	held, err := lock.TryRLock()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return d.explain("cannot lock", err)
	}
	if !held {
		return errors.Join(d.inUse(), lock.Close())
	}
	d.lock = lock
	return nil
}

func (d *Dir) inUse() error {
	return fmt.Errorf("%s is in use by another keyval: stop that one, or use another directory", d.path)
}
