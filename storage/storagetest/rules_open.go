package storagetest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/forkbikash/keyval/storage"
)

func openRules() []Rule {
	const opener, options = "storage/storage.go:Opener", "storage/storage.go:Options"
	return []Rule{
		{Name: "unknown-setting", Says: "a setting that is not understood is a storage.ArgError that names it", Relies: options, check: unknownSetting},
		{Name: "unknown-setting-touches-nothing", Says: "a setting that is not understood is refused before the directory is touched", Relies: options, check: unknownTouchesNothing},
		{Name: "no-directory", Says: "opening in a directory that is not there is an error, and does not make it", Relies: opener, Durable: true, check: noDirectory},
		{Name: "two-opens", Says: "opening a store that is open is an error, at once", Relies: opener, Durable: true, check: twoOpens(storage.Options{})},
		{Name: "two-opens-read-only", Says: "opening a store for reading that is open for writing is an error, at once", Relies: opener, Durable: true, check: twoOpens(storage.Options{ReadOnly: true})},
		{Name: "two-opens-harmless", Says: "an open that was refused does no harm to the store that is open", Relies: opener, Durable: true, check: refusedOpenIsHarmless},
	}
}

const noSuchSetting = "no-such-setting=1"

func unknownSetting(l *lab) error {
	s, err := l.open(l.dir, storage.Options{Arg: noSuchSetting})
	if err == nil {
		return errors.Join(errors.New("got no error"), s.Close())
	}
	if !errors.As(err, new(*storage.ArgError)) || !strings.Contains(err.Error(), "no-such-setting") {
		return fmt.Errorf("got %q, want a storage.ArgError that names no-such-setting", err)
	}
	return nil
}

func unknownTouchesNothing(l *lab) error {
	if s, err := l.open(l.dir, storage.Options{Arg: noSuchSetting}); err == nil {
		return errors.Join(errors.New("got no error"), s.Close())
	}
	return wantNothing(l.dir)
}

func wantNothing(dir string) error {
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		return fmt.Errorf("got %v in the directory, error %v; want nothing", left, err)
	}
	return nil
}

func noDirectory(l *lab) error {
	missing := filepath.Join(l.dir, "missing")
	if s, err := l.open(missing, storage.Options{}); err == nil {
		return errors.Join(errors.New("got no error"), s.Close())
	}
	return wantNothing(l.dir)
}

// refuses opens the store, which is open, and wants an error soon.
func (l *lab) refuses(o storage.Options) error {
	answer := make(chan error, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				answer <- panicError(p)
			}
		}()
		second, err := l.open(l.dir, o)
		if err != nil {
			answer <- nil
			return
		}
		answer <- errors.Join(errors.New("got no error"), second.Close())
	}()
	select {
	case err := <-answer:
		return err
	case <-time.After(patience):
		return fmt.Errorf("it still waits after %v", patience)
	}
}

func twoOpens(o storage.Options) func(*lab) error {
	return func(l *lab) error {
		return l.with(storage.Options{}, func(storage.Store) error { return l.refuses(o) })
	}
}

func refusedOpenIsHarmless(l *lab) error {
	return l.steps(
		func(s storage.Store) error {
			return errors.Join(l.refuses(storage.Options{}), fill(s), l.refuses(storage.Options{}), filled(s))
		},
		filled)
}
