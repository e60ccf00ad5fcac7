package storagetest

import (
	"errors"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
)

func logRules() []Rule {
	return []Rule{
		{Name: "empty-bounds", Says: "an empty store has FirstIndex and LastIndex 0, with no error", Relies: "api.go:HasExistingState", check: emptyBounds},
		{Name: "empty-get", Says: "GetLog on an empty store returns raft.ErrLogNotFound itself", Relies: "replication.go:replicateTo", check: emptyGet},
		{Name: "one-entry", Says: "an entry that StoreLog took is there", Relies: "api.go:BootstrapCluster", check: oneEntry},
		{Name: "log-miss", Says: "GetLog below and above the log returns raft.ErrLogNotFound itself", Relies: "replication.go:replicateTo", check: logMiss},
		{Name: "first-index", Says: "a log may begin at any index, as behind a snapshot", Relies: "raft.go:appendEntries", check: beginsAnywhere},
		{Name: "batch", Says: "entries stored together are all there", Relies: "raft.go:dispatchLogs", check: storedTogether(10)},
		{Name: "empty-batch", Says: "storing no entries is no error and changes nothing", Relies: "storage/storage.go:Store", check: emptyBatch},
		{Name: "large-batch", Says: "thousands of entries stored together are all there", Relies: "raft.go:dispatchLogs", check: storedTogether(3000)},
		{Name: "one-by-one", Says: "entries stored one by one are all there", Relies: "raft.go:dispatchLogs", check: oneByOne},
		{Name: "append-after-reopen", Says: "a log that was reopened is appended to at its end", Relies: "raft.go:appendEntries", check: appendAfterReopen},
		{Name: "reopen-often", Says: "a store that is reopened for every entry has them all", Relies: "api.go:NewRaft", Durable: true, check: reopenOften},
	}
}

func emptyBounds(l *lab) error {
	return l.lasting(
		func(storage.Store) error { return nil },
		func(s storage.Store) error { return bounded(s, 0, 0) })
}

func emptyGet(l *lab) error {
	return l.lasting(
		func(storage.Store) error { return nil },
		func(s storage.Store) error { return lacks(s, 0, 1, 1<<63, 1<<64-1) })
}

func oneEntry(l *lab) error {
	e := entry(1, 1)
	return l.lasting(
		func(s storage.Store) error { return s.StoreLog(e) },
		func(s storage.Store) error {
			var got raft.Log
			return errors.Join(bounded(s, 1, 1), s.GetLog(1, &got), sameCore(&got, e))
		})
}

func logMiss(l *lab) error {
	return l.lasting(
		func(s storage.Store) error {
			for i := uint64(1); i <= 20; i++ {
				if err := s.StoreLog(entry(i, 1)); err != nil {
					return err
				}
			}
			return nil
		},
		func(s storage.Store) error { return lacks(s, 0, 21, 1<<63, 1<<64-1) })
}

func beginsAnywhere(l *lab) error {
	return l.lasting(
		func(s storage.Store) error {
			return errors.Join(s.StoreLog(entry(5000, 3)), s.StoreLog(entry(5001, 3)))
		},
		func(s storage.Store) error {
			return errors.Join(hasCore(s, entries(5000, 5001, 3)...), lacks(s, 0, 1, 10))
		})
}

func storedTogether(n uint64) func(*lab) error {
	return func(l *lab) error {
		logs := entries(1, n, 2)
		return l.lasting(storing(logs...), havingCore(logs...))
	}
}

func emptyBatch(l *lab) error {
	return l.lasting(
		func(s storage.Store) error {
			return errors.Join(s.StoreLogs(nil), s.StoreLogs([]*raft.Log{}), hasCore(s), s.StoreLog(entry(1, 1)), s.StoreLogs(nil))
		},
		havingCore(entry(1, 1)))
}

func oneByOne(l *lab) error {
	logs := entries(1, 40, 2)
	return l.lasting(
		func(s storage.Store) error {
			for _, e := range logs {
				if err := s.StoreLog(e); err != nil {
					return err
				}
			}
			return nil
		},
		havingCore(logs...))
}

func appendAfterReopen(l *lab) error {
	return l.steps(
		storing(entries(1, 10, 1)...),
		storing(entries(11, 20, 1)...),
		havingCore(entries(1, 20, 1)...))
}

func reopenOften(l *lab) error {
	var steps []func(storage.Store) error
	for i := uint64(1); i <= 12; i++ {
		steps = append(steps, func(s storage.Store) error {
			if err := s.StoreLog(entry(i, 1)); err != nil {
				return err
			}
			return hasCore(s, entries(1, i, 1)...)
		})
	}
	return l.steps(steps...)
}
