package storerules

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
)

func bufferRules() []Rule {
	return []Rule{
		{Name: "entry-not-changed", Says: "an entry that is stored is not changed, since Raft shares it", Check: entryNotChanged},
		{Name: "entry-not-kept", Says: "the buffers of an entry that was stored are not kept", Check: entryNotKept},
		{Name: "entry-not-lent", Says: "the buffers of an entry that was read are the caller's", Check: entryNotLent},
		{Name: "value-not-kept", Says: "the buffers of Set are not kept", Check: valueNotKept},
		{Name: "value-not-lent", Says: "the buffer that Get returned is the caller's", Check: valueNotLent},
	}
}

func withExtensions(index uint64) *raft.Log {
	e := entry(index, 1)
	e.Extensions = []byte("extensions")
	return e
}

func scribble(b []byte) {
	for i := range b {
		b[i] = '!'
	}
}

func entryNotChanged(l *Lab) error {
	return l.with(storage.Options{}, func(s storage.Store) error {
		e := withExtensions(1)
		before := cloneEntry(e)
		if err := s.StoreLogs([]*raft.Log{e}); err != nil {
			return err
		}
		if !reflect.DeepEqual(e, before) {
			return fmt.Errorf("got %+v, want %+v", e, before)
		}
		return nil
	})
}

func entryNotKept(l *Lab) error {
	return l.lasting(
		func(s storage.Store) error {
			e := withExtensions(1)
			err := s.StoreLog(e)
			scribble(e.Data)
			scribble(e.Extensions)
			e.Term = 99
			return err
		},
		func(s storage.Store) error { return has(s, withExtensions(1)) })
}

func entryNotLent(l *Lab) error {
	return l.with(storage.Options{}, func(s storage.Store) error {
		if err := s.StoreLogs([]*raft.Log{withExtensions(1), withExtensions(2)}); err != nil {
			return err
		}
		var got raft.Log
		if err := s.GetLog(1, &got); err != nil {
			return err
		}
		first := got
		if err := s.GetLog(2, &got); err != nil {
			return err
		}
		if err := sameEntry(&first, withExtensions(1)); err != nil {
			return fmt.Errorf("after the same variable was read into again: %w", err)
		}
		scribble(got.Data)
		scribble(got.Extensions)
		return has(s, withExtensions(1), withExtensions(2))
	})
}

func valueNotKept(l *Lab) error {
	return l.lasting(
		func(s storage.Store) error {
			key, value := []byte("key"), []byte("value")
			err := errors.Join(s.Set(key, value))
			scribble(key)
			scribble(value)
			return err
		},
		func(s storage.Store) error { return wantValue(s, "key", "value") })
}

func valueNotLent(l *Lab) error {
	return l.with(storage.Options{}, func(s storage.Store) error {
		if err := vote(s, 3, "node1"); err != nil {
			return err
		}
		for range 2 {
			got, err := s.Get([]byte(voteCand))
			if err != nil {
				return err
			}
			scribble(got)
		}
		return wantVote(s, 3, "node1")
	})
}
