package storagetest

import (
	"errors"
	"fmt"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
)

const promised = "storage/storage.go:Store"

func closeRules() []Rule {
	return []Rule{
		{Name: "close-twice", Says: "Close is safe twice", Relies: promised, check: closeTwice},
		{Name: "read-after-close", Says: "reads return an error after Close, one that is no miss", Relies: promised, check: readAfterClose},
		{Name: "write-after-close", Says: "writes return an error after Close, and change nothing", Relies: promised, check: writeAfterClose},
	}
}

func closeTwice(l *lab) error {
	s, err := l.open(l.dir, storage.Options{})
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
	return errors.Join(
		s.StoreLogs(entries(1, 10, 1)), s.Set([]byte("key"), []byte("value")), s.SetUint64([]byte("number"), 5), vote(s, 5, "node1"))
}

func filled(s storage.Store) error {
	return errors.Join(
		has(s, entries(1, 10, 1)...), wantValue(s, "key", "value"), wantNumber(s, "number", 5), wantVote(s, 5, "node1"))
}

// closed returns a store that was filled and closed.
func (l *lab) closed() (storage.Store, error) {
	s, err := l.open(l.dir, storage.Options{})
	if err != nil {
		return nil, err
	}
	return s, errors.Join(fill(s), s.Close())
}

func readAfterClose(l *lab) error {
	s, err := l.closed()
	if err != nil {
		return err
	}
	for name, err := range reads(s) {
		if err == nil || err == raft.ErrLogNotFound || err.Error() == "not found" { //nolint:errorlint // the rule
			return fmt.Errorf("%s: got %v, want an error that is not a miss", name, err)
		}
	}
	return nil
}

func writeAfterClose(l *lab) error {
	s, err := l.closed()
	if err != nil {
		return err
	}
	if err := wantErrors(writes(s)); err != nil || l.volatile {
		return err
	}
	return l.with(storage.Options{}, filled)
}
