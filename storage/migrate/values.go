package migrate

import (
	"fmt"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
)

// The names of the values that hashicorp/raft keeps; it does not export them.
const (
	keyCurrentTerm = "CurrentTerm"
	keyVoteTerm    = "LastVoteTerm"
	keyVoteCand    = "LastVoteCand"
)

// State is what a node remembers of its own beside the log.
type State struct {
	Term  uint64 // the newest term that it has seen; 0 when it has seen none
	Voted bool   // it has voted, for Candidate in VoteTerm

	VoteTerm  uint64
	Candidate string
}

// ReadState reads the values that Raft keeps in s. A vote counts when it is
// whole: of one whose candidate never came nobody was told.
func ReadState(s raft.StableStore) (st State, err error) {
	if st.Term, _, err = number(s, keyCurrentTerm); err != nil {
		return State{}, err
	}
	term, hasTerm, err := number(s, keyVoteTerm)
	if err != nil {
		return State{}, err
	}
	candidate, err := s.Get([]byte(keyVoteCand))
	if err != nil && !isMiss(err) {
		return State{}, fmt.Errorf("read %s: %w", keyVoteCand, err)
	}
	if hasTerm && err == nil {
		st.Voted, st.VoteTerm, st.Candidate = true, term, string(candidate)
	}
	return st, nil
}

func number(s raft.StableStore, key string) (n uint64, found bool, err error) {
	n, err = s.GetUint64([]byte(key))
	if isMiss(err) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("read %s: %w", key, err)
	}
	return n, true, nil
}

// isMiss compares as hashicorp/raft does.
func isMiss(err error) bool { return err != nil && err.Error() == "not found" }

func copyValues(from, to storage.Store) error {
	want, err := ReadState(from)
	if err != nil {
		return err
	}
	got, err := ReadState(to)
	if err != nil {
		return fmt.Errorf("target: %w", err)
	}
	if got == want {
		return nil
	}
	if want.Term > 0 {
		if err := to.SetUint64([]byte(keyCurrentTerm), want.Term); err != nil {
			return fmt.Errorf("write %s: %w", keyCurrentTerm, err)
		}
	}
	if !want.Voted {
		return nil // a vote that the target has too many cannot be deleted; Verify finds it
	}
	err = to.SetUint64([]byte(keyVoteTerm), want.VoteTerm)
	if err == nil {
		err = to.Set([]byte(keyVoteCand), []byte(want.Candidate))
	}
	if err != nil {
		return fmt.Errorf("write the last vote: %w", err)
	}
	return nil
}
