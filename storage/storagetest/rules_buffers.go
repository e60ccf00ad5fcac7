package storagetest

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
)

func bufferRules() []Rule {
	return []Rule{
		{Name: "entry-not-changed", Says: "an entry that is stored is not changed, since Raft shares it with replication", Relies: "raft.go:dispatchLogs", check: entryNotChanged},
		{Name: "entry-not-kept", Says: "the buffers of an entry that was stored are not kept", Relies: "storage/storage.go:Store", check: entryNotKept},
		{Name: "entry-not-reused", Says: "GetLog does not read into buffers that an earlier one returned", Relies: "replication.go:setNewLogs", check: entryNotReused},
		{Name: "entry-not-lent", Says: "the buffers that GetLog returned are the caller's to change", Relies: "storage/storage.go:Store", check: entryNotLent},
		{Name: "value-not-kept", Says: "the buffers of Set are not kept", Relies: "storage/storage.go:Store", check: valueNotKept},
		{Name: "value-not-lent", Says: "the buffer that Get returned is the caller's to change", Relies: "storage/storage.go:Store", check: valueNotLent},
	}
}

func scribble(buffers ...[]byte) {
	for _, b := range buffers {
		for i := range b {
			b[i] = '!'
		}
	}
}

func entryNotChanged(l *lab) error {
	return l.with(storage.Options{}, func(s storage.Store) error {
		single, batch := entry(1, 1), entry(2, 1)
		if err := errors.Join(s.StoreLog(single), s.StoreLogs([]*raft.Log{batch})); err != nil {
			return err
		}
		for _, c := range []struct{ got, want *raft.Log }{{single, entry(1, 1)}, {batch, entry(2, 1)}} {
			if !reflect.DeepEqual(c.got, c.want) {
				return fmt.Errorf("got %+v, want %+v", c.got, c.want)
			}
		}
		return nil
	})
}

func entryNotKept(l *lab) error {
	return l.lasting(
		func(s storage.Store) error {
			for i, store := range []func(*raft.Log) error{
				s.StoreLog,
				func(e *raft.Log) error { return s.StoreLogs([]*raft.Log{e}) },
			} {
				e := entry(uint64(i)+1, 1)
				if err := store(e); err != nil {
					return err
				}
				scribble(e.Data, e.Extensions)
				e.Term = 99
			}
			return nil
		},
		having(entries(1, 2, 1)...))
}

func entryNotReused(l *lab) error {
	return l.with(storage.Options{}, func(s storage.Store) error {
		if err := s.StoreLogs(entries(1, 3, 1)); err != nil {
			return err
		}
		var same, other, got raft.Log
		if err := errors.Join(s.GetLog(1, &got), s.GetLog(2, &other)); err != nil {
			return err
		}
		same = got
		if err := s.GetLog(3, &got); err != nil {
			return err
		}
		return errors.Join(sameEntry(&same, entry(1, 1)), sameEntry(&other, entry(2, 1)), sameEntry(&got, entry(3, 1)))
	})
}

func entryNotLent(l *lab) error {
	return l.lasting(
		func(s storage.Store) error {
			if err := s.StoreLogs(entries(1, 2, 1)); err != nil {
				return err
			}
			for range 2 {
				var got raft.Log
				if err := s.GetLog(1, &got); err != nil {
					return err
				}
				scribble(got.Data, got.Extensions)
			}
			return nil
		},
		having(entries(1, 2, 1)...))
}

func valueNotKept(l *lab) error {
	return l.lasting(
		func(s storage.Store) error {
			key, value := []byte("key"), []byte("value")
			err := s.Set(key, value)
			scribble(key, value)
			return err
		},
		func(s storage.Store) error { return wantValue(s, "key", "value") })
}

func valueNotLent(l *lab) error {
	return l.lasting(
		func(s storage.Store) error {
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
			return nil
		},
		func(s storage.Store) error { return wantVote(s, 3, "node1") })
}
