package storagetest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"

	"github.com/forkbikash/keyval/storage"
)

func readOnlyRules() []Rule {
	const options = "storage/storage.go:Options"
	return []Rule{
		{Name: "read-only-missing", Says: "opening for reading what is not there is an error", Relies: options, check: readOnlyMissing},
		{Name: "read-only-makes-nothing", Says: "opening for reading what is not there makes nothing", Relies: options, check: readOnlyMakesNothing},
		{Name: "read-only", Says: "opened for reading, all is there", Relies: options, Durable: true, check: reading(filled)},
		{Name: "read-only-writes", Says: "opened for reading, every write is an error and does nothing", Relies: options, Durable: true, check: reading(func(s storage.Store) error {
			return errors.Join(wantErrors(writes(s)), filled(s))
		})},
		{Name: "read-only-changes-nothing", Says: "opened for reading, no file changes", Relies: options, Durable: true, check: readOnlyChangesNothing},
		{Name: "write-after-read-only", Says: "a store that was opened for reading can be written afterwards", Relies: options, Durable: true, check: writeAfterReadOnly},
	}
}

func readOnlyMissing(l *lab) error {
	s, err := l.open(l.dir, storage.Options{ReadOnly: true})
	if err == nil {
		return errors.Join(errors.New("got no error"), s.Close())
	}
	return nil
}

func readOnlyMakesNothing(l *lab) error {
	return errors.Join(readOnlyMissing(l), wantNothing(l.dir))
}

func reading(do func(storage.Store) error) func(*lab) error {
	return func(l *lab) error {
		if err := l.with(storage.Options{}, fill); err != nil {
			return err
		}
		return l.with(storage.Options{ReadOnly: true}, do)
	}
}

func readOnlyChangesNothing(l *lab) error {
	if err := l.with(storage.Options{}, fill); err != nil {
		return err
	}
	before, err := picture(l.dir)
	if err != nil {
		return err
	}
	err = l.with(storage.Options{ReadOnly: true}, func(s storage.Store) error {
		_ = writes(s)
		return filled(s)
	})
	if err != nil {
		return err
	}
	after, err := picture(l.dir)
	if err != nil {
		return err
	}
	if !maps.Equal(before, after) {
		return fmt.Errorf("the directory changed:\nfrom %v\nto   %v", before, after)
	}
	return nil
}

func writeAfterReadOnly(l *lab) error {
	if err := reading(filled)(l); err != nil {
		return err
	}
	return l.steps(
		func(s storage.Store) error { return errors.Join(filled(s), s.StoreLog(entry(11, 1))) },
		having(entries(1, 11, 1)...))
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
			what = fmt.Sprintf("%s, %d bytes, sum %x", what, len(content), sha256.Sum256(content))
		}
		files[path] = what
		return nil
	})
	return files, err
}
