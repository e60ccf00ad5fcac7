package storerules

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/memstore"
)

// The rules are worth something only if wrong stores break them.
func TestRulesCatchWrongStores(t *testing.T) {
	for rule, spoil := range map[string]func(storage.Store) storage.Store{
		"empty":             func(s storage.Store) storage.Store { return emptyIsOne{s} },
		"log-miss":          func(s storage.Store) storage.Store { return wrapsMiss{s} },
		"fields":            func(s storage.Store) storage.Store { return dropsExtensions{s} },
		"delete-suffix":     func(s storage.Store) storage.Store { return deletesHalfOpen{s} },
		"stable-miss":       func(s storage.Store) storage.Store { return missIsEmpty{s} },
		"entry-not-lent":    func(s storage.Store) storage.Store { return &lendsBuffer{Store: s} },
		"entry-not-changed": func(s storage.Store) storage.Store { return changesEntry{s} },
		"gap":               func(s storage.Store) storage.Store { return claimsMonotonic{s} },
		"use-after-close":   func(s storage.Store) storage.Store { return staysOpen{s} },
	} {
		t.Run(rule, func(t *testing.T) {
			open := func(dir string, o storage.Options) (storage.Store, error) {
				s, err := memstore.Open(dir, o)
				if err != nil {
					return nil, err
				}
				return spoil(s), nil
			}
			for _, r := range Rules() {
				if r.Name != rule {
					continue
				}
				if err := r.Check(&Lab{Open: open, Dir: t.TempDir(), Volatile: true}); err == nil {
					t.Error("a store that breaks the rule passed")
				}
				return
			}
			t.Error("there is no such rule")
		})
	}
}

type emptyIsOne struct{ storage.Store }

func (s emptyIsOne) FirstIndex() (uint64, error) {
	first, err := s.Store.FirstIndex()
	return max(first, 1), err
}

type wrapsMiss struct{ storage.Store }

func (s wrapsMiss) GetLog(index uint64, log *raft.Log) error {
	if err := s.Store.GetLog(index, log); err != nil {
		return fmt.Errorf("get entry: %w", err)
	}
	return nil
}

type dropsExtensions struct{ storage.Store }

func (s dropsExtensions) GetLog(index uint64, log *raft.Log) error {
	err := s.Store.GetLog(index, log)
	log.Extensions = nil
	return err
}

type deletesHalfOpen struct{ storage.Store }

func (s deletesHalfOpen) DeleteRange(low, high uint64) error {
	return s.Store.DeleteRange(low, high-1)
}

type missIsEmpty struct{ storage.Store }

func (s missIsEmpty) Get(key []byte) ([]byte, error) {
	value, err := s.Store.Get(key)
	if err != nil && err.Error() == "not found" {
		return nil, nil
	}
	return value, err
}

type lendsBuffer struct {
	storage.Store
	data []byte
}

func (s *lendsBuffer) GetLog(index uint64, log *raft.Log) error {
	err := s.Store.GetLog(index, log)
	s.data = append(s.data[:0], log.Data...)
	log.Data = s.data
	return err
}

type changesEntry struct{ storage.Store }

func (s changesEntry) StoreLogs(logs []*raft.Log) error {
	for _, l := range logs {
		l.Extensions = append(bytes.Clone(l.Extensions), "checksum"...)
	}
	return s.Store.StoreLogs(logs)
}

type claimsMonotonic struct{ storage.Store }

func (claimsMonotonic) IsMonotonic() bool { return true }

type staysOpen struct{ storage.Store }

func (staysOpen) Close() error { return nil }
