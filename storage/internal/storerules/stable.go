package storerules

import (
	"bytes"
	"errors"
	"fmt"
	"math"

	"github.com/forkbikash/keyval/storage"
)

// The keys of hashicorp/raft, which does not export them.
const (
	currentTerm = "CurrentTerm"
	voteTerm    = "LastVoteTerm"
	voteCand    = "LastVoteCand"
)

func stableRules() []Rule {
	return []Rule{
		{Name: "stable-miss", Says: `Get and GetUint64 of what is not there say exactly "not found"`, Check: stableMiss},
		{Name: "stable-values", Says: "a value is kept, an empty one too, and the newest counts", Check: stableValues},
		{Name: "stable-numbers", Says: "a number is kept, from 0 to the largest", Check: stableNumbers},
		{Name: "votes", Says: "votes are kept as Raft writes them, and the newest counts", Check: votes},
		{Name: "log-and-stable", Says: "the log and the votes do not touch each other", Check: logAndStable},
	}
}

func wantMiss(s storage.Store, key string) error {
	_, err := s.Get([]byte(key))
	_, errUint64 := s.GetUint64([]byte(key))
	for _, e := range []error{err, errUint64} {
		if e == nil || e.Error() != "not found" {
			return fmt.Errorf("key %q: got %v, want an error that reads exactly %q", key, e, "not found")
		}
	}
	return nil
}

func wantValue(s storage.Store, key, want string) error {
	got, err := s.Get([]byte(key))
	if err != nil || got == nil || !bytes.Equal(got, []byte(want)) {
		return fmt.Errorf("key %q: got %#v, error %v; want %q", key, got, err, want)
	}
	return nil
}

func wantNumber(s storage.Store, key string, want uint64) error {
	got, err := s.GetUint64([]byte(key))
	if err != nil || got != want {
		return fmt.Errorf("key %q: got %d, error %v; want %d", key, got, err, want)
	}
	return nil
}

func stableMiss(l *Lab) error {
	return l.lasting(
		func(s storage.Store) error { return s.Set([]byte("k1"), []byte("v")) },
		func(s storage.Store) error {
			return errors.Join(wantMiss(s, "k"), wantMiss(s, "k11"), wantMiss(s, currentTerm), wantMiss(s, voteTerm), wantMiss(s, voteCand))
		})
}

func stableValues(l *Lab) error {
	long := string(bytes.Repeat([]byte("v"), 4000))
	return l.lasting(
		func(s storage.Store) error {
			return errors.Join(
				s.Set([]byte("a"), []byte("old")), s.Set([]byte("a"), []byte("new")),
				s.Set([]byte("empty"), []byte{}), s.Set([]byte("nil"), nil),
				s.Set([]byte("long"), []byte(long)), s.Set([]byte{0, 0xff}, []byte{0, 0xff}))
		},
		func(s storage.Store) error {
			return errors.Join(
				wantValue(s, "a", "new"), wantValue(s, "empty", ""), wantValue(s, "nil", ""),
				wantValue(s, "long", long), wantValue(s, "\x00\xff", "\x00\xff"))
		})
}

func stableNumbers(l *Lab) error {
	return l.lasting(
		func(s storage.Store) error {
			return errors.Join(
				s.SetUint64([]byte("zero"), 0), s.SetUint64([]byte("most"), math.MaxUint64),
				s.SetUint64([]byte("n"), 1), s.SetUint64([]byte("n"), 2))
		},
		func(s storage.Store) error {
			return errors.Join(wantNumber(s, "zero", 0), wantNumber(s, "most", math.MaxUint64), wantNumber(s, "n", 2))
		})
}

func vote(s storage.Store, term uint64, candidate string) error {
	return errors.Join(
		s.SetUint64([]byte(currentTerm), term),
		s.SetUint64([]byte(voteTerm), term),
		s.Set([]byte(voteCand), []byte(candidate)))
}

func wantVote(s storage.Store, term uint64, candidate string) error {
	return errors.Join(wantNumber(s, currentTerm, term), wantNumber(s, voteTerm, term), wantValue(s, voteCand, candidate))
}

func votes(l *Lab) error {
	for term := uint64(1); term <= 4; term++ {
		candidate := fmt.Sprintf("10.0.0.%d:12000", term)
		err := l.lasting(
			func(s storage.Store) error { return vote(s, term, candidate) },
			func(s storage.Store) error { return wantVote(s, term, candidate) })
		if err != nil {
			return fmt.Errorf("term %d: %w", term, err)
		}
	}
	return nil
}

func logAndStable(l *Lab) error {
	return l.lasting(
		func(s storage.Store) error {
			return errors.Join(s.StoreLogs(entries(1, 10, 1)), vote(s, 7, "node1"), s.DeleteRange(1, 10), s.StoreLogs(entries(11, 12, 7)))
		},
		func(s storage.Store) error {
			return errors.Join(wantVote(s, 7, "node1"), has(s, entries(11, 12, 7)...))
		})
}
