package datadir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

const (
	markerName    = "keyval.json"
	lockName      = "LOCK"
	logName       = "log"
	snapshotsName = "snapshots"
	shadowName    = "shadow"
	tempSuffix    = ".tmp"

	// originalLog is where the program that keyval grew out of kept its log.
	originalLog = "raft.db"
)

// checkContents refuses a directory that has no marker and holds what keyval
// does not put there before the marker.
func (d *Dir) checkContents() error {
	marked, err := d.listContents()
	if marked {
		return nil
	}
	return err
}

// checkNew is checkContents for a directory whose marker was not found by its
// name. One that is listed nevertheless, such as a link to a file system that is
// not mounted, is a marker that cannot be read.
func (d *Dir) checkNew() error {
	marked, err := d.listContents()
	if marked {
		return fmt.Errorf("%s is there and cannot be read, and says whose directory this is: restore it, or join again with an empty directory",
			d.file(markerName))
	}
	return err
}

// listContents says whether a marker is listed, and what else is wrong.
func (d *Dir) listContents() (marked bool, err error) {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return false, d.explain("cannot read", err)
	}
	foreign, marked := "", false
	for _, e := range entries {
		switch e.Name() {
		case markerName:
			marked = true
		case lockName, markerName + tempSuffix: // of a start that was cut short
		case "lost+found": // of a file system's root
		case originalLog:
			err = fmt.Errorf("%s holds data of the original keyval (%s), which this one does not read: "+
				"use another directory and copy the keys over with GET and POST", d.path, originalLog)
		default:
			if foreign == "" {
				foreign = e.Name()
			}
		}
	}
	if foreign != "" && err == nil {
		err = fmt.Errorf("%s is not keyval's: it has no %s and holds %s: use an empty or a new directory",
			d.path, markerName, foreign)
	}
	return marked, err
}

// anyFile says whether any of dirs holds anything.
func anyFile(dirs ...string) (bool, error) {
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, err
		}
		if len(entries) > 0 {
			return true, nil
		}
	}
	return false, nil
}
