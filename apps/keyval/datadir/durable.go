package datadir

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// writeFileSync replaces the file name by one that holds b, durably: whenever
// the machine stops, the file is the old one or the new one, whole.
func writeFileSync(name string, b []byte) error {
	temp := name + tempSuffix
	err := writeSynced(temp, b)
	if err == nil {
		err = os.Rename(temp, name)
	}
	if err != nil {
		_ = os.Remove(temp) // the next start removes it too
		return err
	}
	return syncDir(filepath.Dir(name))
}

func writeSynced(name string, b []byte) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// mkdirAllSync is os.MkdirAll that a loss of power does not undo. It returns what
// it made, from the outermost on, whether it fails or not.
func mkdirAllSync(dir string) (made []string, err error) {
	parent := filepath.Dir(dir)
	if _, err := os.Stat(parent); errors.Is(err, fs.ErrNotExist) && parent != dir {
		if made, err = mkdirAllSync(parent); err != nil {
			return made, err
		}
	}
	err = os.Mkdir(dir, 0o700)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return made, err
	}
	if err == nil {
		made = append(made, dir)
	}
	err = syncDir(parent)
	if errors.Is(err, fs.ErrPermission) {
		err = nil // a parent that may be written and not read cannot be synced
	}
	return made, err
}

// syncDir makes the names in dir durable. Windows has no such call, and keeps
// them with the journal of the file system.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
