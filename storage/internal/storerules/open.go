package storerules

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
)

func openRules() []Rule {
	return []Rule{
		{Name: "close-twice", Says: "Close is safe twice", Check: closeTwice},
		{Name: "use-after-close", Says: "every method returns an error after Close", Check: useAfterClose},
		{Name: "unknown-setting", Says: "a setting that is not known is an ArgError that says what is, and makes nothing", Check: unknownSetting},
		{Name: "read-only-missing", Says: "opening for reading what is not there is an error and makes nothing", Check: readOnlyMissing},
		{Name: "no-directory", Says: "opening in a directory that is not there is an error", NeedsDisk: true, Check: noDirectory},
		{Name: "two-opens", Says: "a second open is refused at once and names the directory", NeedsDisk: true, Check: twoOpens},
		{Name: "read-only", Says: "opened for reading, all is there, writes are errors and no file changes", NeedsDisk: true, Check: readOnly},
		{Name: "reopen-often", Says: "a store that is reopened for every entry has them all", NeedsDisk: true, Check: reopenOften},
	}
}

func closeTwice(l *Lab) error {
	s, err := l.Open(l.Dir, storage.Options{})
	if err != nil {
		return err
	}
	return errors.Join(s.Close(), s.Close())
}

// reads and writes are all calls of a Store but Close.
func reads(s storage.Store) map[string]error {
	_, first := s.FirstIndex()
	_, last := s.LastIndex()
	_, get := s.Get([]byte("key"))
	_, getUint64 := s.GetUint64([]byte("number"))
	return map[string]error{
		"FirstIndex": first, "LastIndex": last, "Get": get, "GetUint64": getUint64,
		"GetLog": s.GetLog(1, new(raft.Log)),
	}
}

func writes(s storage.Store) map[string]error {
	return map[string]error{
		"StoreLog":    s.StoreLog(entry(11, 1)),
		"StoreLogs":   s.StoreLogs(entries(11, 12, 1)),
		"DeleteRange": s.DeleteRange(1, 1),
		"Set":         s.Set([]byte("key"), []byte("other")),
		"SetUint64":   s.SetUint64([]byte("number"), 9),
	}
}

func wantErrors(calls map[string]error) error {
	for name, err := range calls {
		if err == nil {
			return fmt.Errorf("%s: got no error", name)
		}
	}
	return nil
}

func fill(s storage.Store) error {
	return errors.Join(s.StoreLogs(entries(1, 10, 1)), s.Set([]byte("key"), []byte("value")), s.SetUint64([]byte("number"), 5), vote(s, 5, "node1"))
}

func filled(s storage.Store) error {
	return errors.Join(has(s, entries(1, 10, 1)...), wantValue(s, "key", "value"), wantNumber(s, "number", 5), wantVote(s, 5, "node1"))
}

func useAfterClose(l *Lab) error {
	s, err := l.Open(l.Dir, storage.Options{})
	if err != nil {
		return err
	}
	if err := errors.Join(fill(s), s.Close()); err != nil {
		return err
	}
	for name, err := range reads(s) {
		if err == nil || err == raft.ErrLogNotFound || err.Error() == "not found" { //nolint:errorlint // the rule
			return fmt.Errorf("%s: got %v, want an error that is not a miss", name, err)
		}
	}
	return wantErrors(writes(s))
}

func unknownSetting(l *Lab) error {
	s, err := l.Open(l.Dir, storage.Options{Arg: "no-such-setting=1"})
	if err == nil {
		return errors.Join(errors.New("got no error"), s.Close())
	}
	if !strings.Contains(err.Error(), "no-such-setting") || !strings.Contains(err.Error(), "it takes") {
		return fmt.Errorf("got %q, want it to name the setting and what is known", err)
	}
	if !errors.As(err, new(*storage.ArgError)) {
		return fmt.Errorf("got %q, want a storage.ArgError", err)
	}
	return wantNothing(l.Dir)
}

func wantNothing(dir string) error {
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		return fmt.Errorf("got %v in the directory, error %v; want nothing", left, err)
	}
	return nil
}

func readOnlyMissing(l *Lab) error {
	s, err := l.Open(l.Dir, storage.Options{ReadOnly: true})
	if err == nil {
		return errors.Join(errors.New("got no error"), s.Close())
	}
	return wantNothing(l.Dir)
}

func noDirectory(l *Lab) error {
	missing := filepath.Join(l.Dir, "missing")
	s, err := l.Open(missing, storage.Options{})
	if err == nil {
		return errors.Join(errors.New("got no error"), s.Close())
	}
	if !strings.Contains(err.Error(), missing) {
		return fmt.Errorf("got %q, want it to name %s", err, missing)
	}
	return nil
}

func twoOpens(l *Lab) error {
	err := l.with(storage.Options{}, func(s storage.Store) error {
		for _, o := range []storage.Options{{}, {ReadOnly: true}, {}} {
			began := time.Now()
			second, err := l.Open(l.Dir, o)
			if err == nil {
				return errors.Join(fmt.Errorf("with %+v: got no error", o), second.Close())
			}
			if !strings.Contains(err.Error(), l.Dir) || !strings.Contains(err.Error(), "already open") {
				return fmt.Errorf("got %q, want it to say that %s is already open", err, l.Dir)
			}
			if took := time.Since(began); took > 2*time.Second {
				return fmt.Errorf("refused only after %v", took)
			}
		}
		return errors.Join(fill(s), filled(s)) // the first is none the worse for it
	})
	if err != nil {
		return err
	}
	return l.with(storage.Options{}, filled)
}

func readOnly(l *Lab) error {
	if err := l.with(storage.Options{}, fill); err != nil {
		return err
	}
	before, err := picture(l.Dir)
	if err != nil {
		return err
	}
	err = l.with(storage.Options{ReadOnly: true}, func(s storage.Store) error {
		return errors.Join(filled(s), wantErrors(writes(s)), filled(s))
	})
	if err != nil {
		return err
	}
	after, err := picture(l.Dir)
	if err != nil {
		return err
	}
	if !maps.Equal(before, after) {
		return fmt.Errorf("the directory changed:\nfrom %v\nto   %v", before, after)
	}
	return l.with(storage.Options{}, func(s storage.Store) error {
		return errors.Join(filled(s), s.StoreLog(entry(11, 1)))
	})
}

func reopenOften(l *Lab) error {
	for i := uint64(1); i <= 12; i++ {
		err := l.with(storage.Options{}, func(s storage.Store) error {
			if err := s.StoreLog(entry(i, 1)); err != nil {
				return err
			}
			return has(s, entries(1, i, 1)...)
		})
		if err != nil {
			return fmt.Errorf("opening %d: %w", i, err)
		}
	}
	return nil
}
