package storagetest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
)

// RunWrapper checks that a wrapper forwards the optional interfaces of
// hashicorp/raft: what it returns has each that the wrapped store has, gives its
// answers, and has no other. Raft asks for them with a type assertion, so that a
// method which is there and answers false is not the same as no method.
//
// It says nothing about the rest: give Run an opener that wraps.
func RunWrapper(t *testing.T, wrap func(storage.Store) storage.Store) {
	t.Helper()
	if err := checkWrapper(wrap); err != nil {
		t.Error(err)
	}
}

// blank is a store that is never asked for anything but what it embeds it for.
type blank struct{ storage.Store }

func (blank) Close() error { return nil }

type monotonicBlank struct {
	blank
	answer bool
}

func (m monotonicBlank) IsMonotonic() bool { return m.answer }

type trackingBlank struct {
	blank
	staged *uint64
}

var errTracking = errors.New("the error of the wrapped store")

func (t trackingBlank) StageCommitIndex(index uint64) error {
	*t.staged = index
	return errTracking
}

func (t trackingBlank) GetCommitIndex() (uint64, error) { return *t.staged + 1, errTracking }

func checkWrapper(wrap func(storage.Store) storage.Store) error {
	return errors.Join(forwardsMonotonic(wrap), forwardsTracking(wrap))
}

func forwardsMonotonic(wrap func(storage.Store) storage.Store) error {
	if _, ok := wrap(blank{}).(raft.MonotonicLogStore); ok {
		return errors.New("the wrapper has IsMonotonic, which the wrapped store has not")
	}
	for _, want := range []bool{true, false} {
		m, ok := wrap(monotonicBlank{answer: want}).(raft.MonotonicLogStore)
		if !ok {
			return errors.New("the wrapper hides IsMonotonic")
		}
		if got := m.IsMonotonic(); got != want {
			return fmt.Errorf("IsMonotonic of the wrapper is %v, that of the wrapped store %v", got, want)
		}
	}
	return nil
}

func forwardsTracking(wrap func(storage.Store) storage.Store) error {
	if _, ok := wrap(blank{}).(commitTracker); ok {
		return errors.New("the wrapper has GetCommitIndex, which the wrapped store has not")
	}
	staged := new(uint64)
	c, ok := wrap(trackingBlank{staged: staged}).(commitTracker)
	if !ok {
		return nil // hashicorp/raft v1.7.3, with which this kit is built, does not ask
	}
	if err := c.StageCommitIndex(7); !errors.Is(err, errTracking) || *staged != 7 {
		return fmt.Errorf("StageCommitIndex(7): the wrapped store got %d, error %v", *staged, err)
	}
	if got, err := c.GetCommitIndex(); got != 8 || !errors.Is(err, errTracking) {
		return fmt.Errorf("GetCommitIndex: got %d, error %v; want those of the wrapped store", got, err)
	}
	return nil
}
