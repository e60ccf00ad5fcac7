package storagetest

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
)

// entry makes one that differs from those of other indexes and terms.
func entry(index, term uint64) *raft.Log {
	return &raft.Log{
		Index: index, Term: term, Type: raft.LogCommand,
		Data:       fmt.Appendf(nil, "data %d of term %d", index, term),
		Extensions: fmt.Appendf(nil, "extensions %d", index),
		AppendedAt: time.Unix(1700000000+int64(index), 123456789),
	}
}

func entries(from, to, term uint64) []*raft.Log {
	var logs []*raft.Log
	for i := from; i <= to; i++ {
		logs = append(logs, entry(i, term))
	}
	return logs
}

func cloneEntry(l *raft.Log) *raft.Log {
	c := *l
	c.Data, c.Extensions = bytes.Clone(l.Data), bytes.Clone(l.Extensions)
	return &c
}

// sameCore leaves out the fields that have rules of their own: a store that
// drops one of them should hear so from its rule.
func sameCore(got, want *raft.Log) error {
	if got.Index != want.Index || got.Term != want.Term || got.Type != want.Type {
		return fmt.Errorf("got index %d, term %d, %v; want %d, %d, %v", got.Index, got.Term, got.Type, want.Index, want.Term, want.Type)
	}
	if !bytes.Equal(got.Data, want.Data) {
		return fmt.Errorf("entry %d: got %d bytes of data (sum %x), want %d (sum %x)",
			want.Index, len(got.Data), crc32.ChecksumIEEE(got.Data), len(want.Data), crc32.ChecksumIEEE(want.Data))
	}
	return nil
}

func sameEntry(got, want *raft.Log) error {
	if err := sameCore(got, want); err != nil {
		return err
	}
	if !bytes.Equal(got.Extensions, want.Extensions) {
		return fmt.Errorf("entry %d: got extensions %q, want %q", want.Index, got.Extensions, want.Extensions)
	}
	if !got.AppendedAt.Equal(want.AppendedAt) {
		return fmt.Errorf("entry %d: got AppendedAt %v, want %v", want.Index, got.AppendedAt, want.AppendedAt)
	}
	return nil
}

// has checks that exactly these entries are there, from just below the first to
// just above the last; logs is in the order of indexes.
func has(s storage.Store, logs ...*raft.Log) error {
	return hasAs(s, sameEntry, logs)
}

func hasCore(s storage.Store, logs ...*raft.Log) error {
	return hasAs(s, sameCore, logs)
}

func hasAs(s storage.Store, same func(got, want *raft.Log) error, logs []*raft.Log) error {
	var first, last uint64
	if len(logs) > 0 {
		first, last = logs[0].Index, logs[len(logs)-1].Index
	}
	if err := bounded(s, first, last); err != nil {
		return err
	}
	for _, want := range logs {
		var got raft.Log
		if err := s.GetLog(want.Index, &got); err != nil {
			return fmt.Errorf("GetLog(%d): %w", want.Index, err)
		}
		if err := same(&got, want); err != nil {
			return err
		}
	}
	if first == 0 {
		return nil
	}
	return lacks(s, first-1, last+1)
}

func bounded(s storage.Store, first, last uint64) error {
	if got, err := s.FirstIndex(); err != nil || got != first {
		return fmt.Errorf("FirstIndex: got %d, error %v; want %d", got, err, first)
	}
	if got, err := s.LastIndex(); err != nil || got != last {
		return fmt.Errorf("LastIndex: got %d, error %v; want %d", got, err, last)
	}
	return nil
}

// lacks checks the miss with ==, since that is what Raft does.
func lacks(s storage.Store, indexes ...uint64) error {
	for _, i := range indexes {
		if err := s.GetLog(i, new(raft.Log)); err != raft.ErrLogNotFound { //nolint:errorlint // the rule
			return fmt.Errorf("GetLog(%d): got %v, want raft.ErrLogNotFound itself", i, err)
		}
	}
	return nil
}

// storing stores copies, so that what is compared later is not the store's to
// change.
func storing(logs ...*raft.Log) func(storage.Store) error {
	return func(s storage.Store) error {
		copies := make([]*raft.Log, len(logs))
		for i, e := range logs {
			copies[i] = cloneEntry(e)
		}
		return s.StoreLogs(copies)
	}
}

func having(logs ...*raft.Log) func(storage.Store) error {
	return func(s storage.Store) error { return has(s, logs...) }
}

func havingCore(logs ...*raft.Log) func(storage.Store) error {
	return func(s storage.Store) error { return hasCore(s, logs...) }
}
