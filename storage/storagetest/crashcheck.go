package storagetest

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
)

// crashCheck opens the store that a crash left and returns what is wrong with
// it. Once it has written to it, it calls recovered with what is there.
func crashCheck(open storage.Opener, o crashOrder, recovered func(string)) error {
	before, after, _ := crashStates(o.Seed, o.Acked, o.Begun)
	s, err := open(o.Dir, storage.Options{})
	if err != nil {
		return fmt.Errorf("does not open: %w", err)
	}
	got, err := readCrashState(s)
	if err == nil {
		err = got.legal(before, after, o.Promises&AtomicVote != 0)
	}
	if err == nil {
		err = got.writeOn(s, after.last+1)
	}
	if err != nil {
		return errors.Join(err, s.Close())
	}
	recovered(got.String())
	if err := s.Close(); err != nil {
		return fmt.Errorf("close: %w", err)
	}
	if err := crashCompare(open, o.Dir, got.String()); err != nil {
		return fmt.Errorf("written to and reopened after the crash: %w", err)
	}
	return nil
}

// crashCompare opens the store and says whether it has just what it should.
func crashCompare(open storage.Opener, dir, want string) error {
	s, err := open(dir, storage.Options{})
	if err != nil {
		return fmt.Errorf("does not open: %w", err)
	}
	got, err := readCrashState(s)
	if err == nil && got.String() != want {
		err = fmt.Errorf("got %s, want %s", got, want)
	}
	return errors.Join(err, s.Close())
}

// errCrashBounds is that the bounds of a log make no sense.
var errCrashBounds = errors.New("bounds that make no sense")

// readCrashState reads all that is there. A hole is an error, and so is an entry
// beside the bounds.
func readCrashState(s storage.Store) (*crashState, error) {
	got := &crashState{logs: make(map[uint64]*raft.Log)}
	var err error
	if got.first, err = s.FirstIndex(); err != nil {
		return nil, fmt.Errorf("FirstIndex: %w", err)
	}
	if got.last, err = s.LastIndex(); err != nil {
		return nil, fmt.Errorf("LastIndex: %w", err)
	}
	if (got.first == 0) != (got.last == 0) || got.first > got.last || got.last-got.first > 10_000 {
		return nil, fmt.Errorf("%w: the log goes from %d to %d", errCrashBounds, got.first, got.last)
	}
	for i := got.first; i <= got.last && i > 0; i++ {
		l := new(raft.Log)
		if err := s.GetLog(i, l); err != nil {
			return nil, fmt.Errorf("the log goes from %d to %d, and GetLog(%d) says: %w", got.first, got.last, i, err)
		}
		got.logs[i] = l
	}
	for _, i := range []uint64{got.first - min(got.first, 1), got.last + 1} {
		if err := s.GetLog(i, new(raft.Log)); err != raft.ErrLogNotFound { //nolint:errorlint // as raft compares it
			return nil, fmt.Errorf("%w: the log goes from %d to %d, and GetLog(%d) says: %v", errCrashBounds, got.first, got.last, i, err)
		}
	}
	return got, got.readVote(s)
}

func (s *crashState) readVote(store storage.Store) (err error) {
	missing := func(err error) bool { return err != nil && err.Error() == "not found" }
	if s.term, err = store.GetUint64(crashCurrentTerm); err != nil && !missing(err) {
		return fmt.Errorf("CurrentTerm: %w", err)
	}
	if s.voteTerm, err = store.GetUint64(crashVoteTerm); err != nil && !missing(err) {
		return fmt.Errorf("LastVoteTerm: %w", err)
	}
	cand, err := store.Get(crashVoteCand)
	if err != nil && !missing(err) {
		return fmt.Errorf("LastVoteCand: %w", err)
	}
	s.voteCand = string(cand)
	return nil
}

// legal says whether s can be what a crash left between before and after.
func (s *crashState) legal(before, after *crashState, atomicVote bool) error {
	for i, want := range before.logs {
		// Gone or other only if the operation in flight did it.
		if s.logs[i] == nil && after.logs[i] != nil {
			return fmt.Errorf("acknowledged entry %d (term %d) is lost: the log goes from %d to %d, acknowledged were %d to %d",
				i, want.Term, s.first, s.last, before.first, before.last)
		}
	}
	for i, got := range s.logs {
		old, new := before.logs[i], after.logs[i]
		if old == nil && new == nil {
			return fmt.Errorf("entry %d (term %d) is there, which was deleted or never written: the log goes from %d to %d, acknowledged were %d to %d",
				i, got.Term, s.first, s.last, before.first, before.last)
		}
		if (old == nil || !sameCrashEntry(got, old)) && (new == nil || !sameCrashEntry(got, new)) {
			return fmt.Errorf("entry %d differs: got term %d with %d bytes", i, got.Term, len(got.Data))
		}
	}
	return s.legalVote(before, after, atomicVote)
}

func (s *crashState) legalVote(before, after *crashState, atomic bool) error {
	if s.term != before.term && s.term != after.term {
		return fmt.Errorf("CurrentTerm: got %d, want %d or %d", s.term, before.term, after.term)
	}
	oldPair := s.voteTerm == before.voteTerm && s.voteCand == before.voteCand
	newPair := s.voteTerm == after.voteTerm && s.voteCand == after.voteCand
	torn := s.voteTerm == after.voteTerm && s.voteCand == before.voteCand
	if !oldPair && !newPair && (atomic || !torn) {
		return fmt.Errorf("vote: got term %d and candidate %q, want %d and %q or %d and %q",
			s.voteTerm, s.voteCand, before.voteTerm, before.voteCand, after.voteTerm, after.voteCand)
	}
	return nil
}

// writeOn writes to a store that was opened after a crash. s becomes what it
// should have then; index is where an empty log goes on.
func (s *crashState) writeOn(store storage.Store, index uint64) error {
	if s.last > 0 {
		index = s.last + 1
	}
	rng := rand.New(rand.NewPCG(index, 2))
	for i := range uint64(2) {
		l := &raft.Log{Index: index + i, Term: 1 << 40, Data: crashBytes(rng, 700)}
		if err := store.StoreLog(l); err != nil {
			return fmt.Errorf("takes no entry after the crash: %w", err)
		}
		s.add(l)
	}
	s.term, s.voteTerm, s.voteCand = s.term+100, s.voteTerm+100, "after"
	err := errors.Join(
		store.SetUint64(crashCurrentTerm, s.term),
		store.SetUint64(crashVoteTerm, s.voteTerm),
		store.Set(crashVoteCand, []byte(s.voteCand)),
	)
	if err != nil {
		return fmt.Errorf("takes no vote after the crash: %w", err)
	}
	return nil
}
