// Package storerules is what every log store of this module is held to: a table
// of rules, each with a check that takes an Opener and returns an error.
package storerules

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/forkbikash/keyval/storage"
)

// Rule is one thing that a store must do.
type Rule struct {
	Name  string
	Says  string
	Check func(*Lab) error

	// NeedsDisk marks a rule that means nothing for a store in memory.
	NeedsDisk bool
}

// Rules returns all of them.
func Rules() []Rule {
	var all []Rule
	for _, some := range [][]Rule{logRules(), deleteRules(), stableRules(), bufferRules(), openRules()} {
		all = append(all, some...)
	}
	return all
}

// Lab is where one check happens: an opener and a directory that is its own.
type Lab struct {
	Open     storage.Opener
	Dir      string
	Volatile bool // the store is in memory: it is not reopened
}

// Run checks every rule, each in a directory of its own.
func Run(t *testing.T, open storage.Opener, volatile bool) {
	t.Helper()
	for _, r := range Rules() {
		if r.NeedsDisk && volatile {
			continue
		}
		t.Run(r.Name, func(t *testing.T) {
			t.Parallel() // most of the time goes to waiting for the disk
			if err := r.Check(&Lab{Open: open, Dir: t.TempDir(), Volatile: volatile}); err != nil {
				t.Errorf("%s: %v", r.Says, err)
			}
		})
	}
}

// with opens the store, hands it to do and closes it.
func (l *Lab) with(o storage.Options, do func(storage.Store) error) error {
	s, err := l.Open(l.Dir, o)
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	if err := do(s); err != nil {
		return errors.Join(err, s.Close())
	}
	if err := s.Close(); err != nil {
		return fmt.Errorf("close: %w", err)
	}
	return nil
}

// lasting runs do, then holds twice: at once, and after reopening.
func (l *Lab) lasting(do, holds func(storage.Store) error) error {
	err := l.with(storage.Options{}, func(s storage.Store) error {
		if err := do(s); err != nil {
			return err
		}
		return holds(s)
	})
	if err != nil || l.Volatile {
		return err
	}
	if err := l.with(storage.Options{}, holds); err != nil {
		return fmt.Errorf("after reopening: %w", err)
	}
	return nil
}

// picture is what a directory holds, to tell whether anything changed.
func picture(dir string) (map[string]string, error) {
	files := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		what := fmt.Sprintf("%v, modified %v", info.Mode(), info.ModTime())
		if info.Mode().IsRegular() {
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			what = fmt.Sprintf("%s, %d bytes, sum %x", what, len(content), checksum(content))
		}
		files[path] = what
		return nil
	})
	return files, err
}
