package datadir

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
)

// traces are what Open made and Discard takes away.
type traces struct {
	dirs   []string // that were not there, from the outermost on
	lock   bool     // the lock file
	marker bool     // the directory was nobody's; so is whatever is in it now
}

// Discard gives the directory back, and when it was nobody's before Open, also
// leaves it as Open found it: a start that fails on its first steps must not
// decide what the next one is. Nothing may use what is in it any more.
func (d *Dir) Discard() error {
	made := d.made
	d.made = traces{}
	var errs []error
	remove := func(err error) {
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("clean up: %w", err))
		}
	}
	if made.marker && d.stillMine() {
		// The marker goes last: without it the rest would be a stranger's.
		remove(os.RemoveAll(d.LogDir()))
		remove(os.RemoveAll(d.file(snapshotsName)))
		remove(os.RemoveAll(d.ShadowDir()))
		remove(os.Remove(d.file(markerName)))
	}
	if made.lock && isAt(d.lock, d.file(lockName)) {
		// Before it is unlocked, so that nobody has locked what is removed. Windows
		// keeps an open file; an empty lock file is no harm there.
		_ = os.Remove(d.file(lockName))
	}
	errs = append(errs, d.Close())
	for _, dir := range slices.Backward(made.dirs) {
		_ = os.Remove(dir) // fails where others have put something meanwhile
	}
	return errors.Join(errs...)
}

// stillMine says whether what lies at the path is what this process made there,
// and nothing that was mounted or put over it since.
func (d *Dir) stillMine() bool {
	b, err := os.ReadFile(d.file(markerName))
	return err == nil && bytes.Equal(b, encodeMarker(d.marker)) && isAt(d.lock, d.file(lockName))
}
