package storagetest

import (
	"errors"
	"fmt"

	"github.com/forkbikash/keyval/storage"
)

// commitTracker is raft.CommitTrackingLogStore of hashicorp/raft v1.8.0. A store
// may have it already: what is built with v1.8.0 finds it by its methods.
type commitTracker interface {
	StageCommitIndex(uint64) error
	GetCommitIndex() (uint64, error)
}

const (
	stagesCommit = "log.go:CommitTrackingLogStore of v1.8.0"
	readsCommit  = "api.go:restoreFromCommittedLogs of v1.8.0"
)

func optionalRules() []Rule {
	return []Rule{
		{Name: "commit-index-empty", Says: "a store that tracks commits has commit index 0 when it is empty", Relies: readsCommit, check: tracking(
			func(storage.Store, commitTracker) error { return nil }, exactly(0))},
		{Name: "commit-index", Says: "a staged commit index is kept with the entries stored next", Relies: stagesCommit, check: tracking(
			func(s storage.Store, c commitTracker) error {
				return errors.Join(s.StoreLogs(entries(1, 5, 1)), c.StageCommitIndex(5), s.StoreLogs(entries(6, 8, 1)))
			}, exactly(5))},
		{Name: "commit-index-bounded", Says: "the commit index is never above LastIndex", Relies: stagesCommit, check: tracking(
			func(s storage.Store, c commitTracker) error {
				return errors.Join(s.StoreLogs(entries(1, 5, 1)), c.StageCommitIndex(100), s.StoreLogs(entries(6, 8, 1)))
			}, func(got uint64) bool { return got <= 8 })},
	}
}

func exactly(want uint64) func(uint64) bool { return func(got uint64) bool { return got == want } }

// tracking judges the commit index after do, of a store that has one.
func tracking(do func(storage.Store, commitTracker) error, right func(uint64) bool) func(*lab) error {
	return func(l *lab) error {
		return l.lasting(
			func(s storage.Store) error {
				if c, ok := s.(commitTracker); ok {
					return do(s, c)
				}
				return nil
			},
			func(s storage.Store) error {
				c, ok := s.(commitTracker)
				if !ok {
					return nil
				}
				if got, err := c.GetCommitIndex(); err != nil || !right(got) {
					return fmt.Errorf("GetCommitIndex: got %d, error %v", got, err)
				}
				return nil
			})
	}
}
