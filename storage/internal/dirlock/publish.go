package dirlock

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
)

// Publish makes what was built under the name draft appear in dir as final,
// and has the directory on disk before it returns. A crash leaves either no
// final or a whole one, where an engine that creates in place can leave half a
// store that nothing opens any more.
func Publish(dir, draft, final string) error {
	if err := os.Rename(filepath.Join(dir, draft), filepath.Join(dir, final)); err != nil {
		return err
	}
	return SyncDir(dir)
}

// SyncDir makes the names in dir durable.
func SyncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // a directory cannot be synced there; NTFS journals its names
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
