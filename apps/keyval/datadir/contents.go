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
	tempSuffix    = ".tmp"

	// originalLog is where the program that keyval grew out of kept its log.
	originalLog = "raft.db"
)

// checkContents refuses a directory that has no marker and holds what keyval
// does not put there before the marker.
func (d *Dir) checkContents() error {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return d.explain("cannot read", err)
	}
	foreign := ""
	for _, e := range entries {
		switch e.Name() {
		case markerName:
			return nil
		case lockName, markerName + tempSuffix: // of a start that was cut short
		case "lost+found": // of a file system's root
		case originalLog:
			return fmt.Errorf("%s holds data of the original keyval (%s), which this one does not read: "+
				"use another directory and copy the keys over with GET and POST", d.path, originalLog)
		default:
			if foreign == "" {
				foreign = e.Name()
			}
		}
	}
	if foreign != "" {
		return fmt.Errorf("%s is not keyval's: it has no %s and holds %s: use an empty or a new directory",
			d.path, markerName, foreign)
	}
	return nil
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
