package process_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"testing"
)

// tree is what is below dir: for each file a digest of its content, for
// each directory its name. Lock files, which say nothing, are left out. A
// directory that does not exist is empty.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || path == dir || e.Name() == "LOCK" || e.Name() == "store.lock" {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if e.IsDir() {
			files[name] = "directory"
			return nil
		}
		b, err := os.ReadFile(path)
		files[name] = fmt.Sprintf("%x", sha256.Sum256(b))
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return files
}

// untouched fails the test at its end when dir is not then as it is now.
func untouched(t *testing.T, dir string) {
	t.Helper()
	before := tree(t, dir)
	t.Cleanup(func() {
		if after := tree(t, dir); !maps.Equal(before, after) {
			t.Errorf("%s has changed: it has %v, and had %v", dir, after, before)
		}
	})
}
