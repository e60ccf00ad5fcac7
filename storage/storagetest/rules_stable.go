package storagetest

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
	const asks, votes = "raft.go:requestVote", "raft.go:persistVote"
	return []Rule{
		{Name: "value-miss", Says: `Get of what is not there returns an error that reads exactly "not found"`, Relies: asks, check: valueMiss},
		{Name: "number-miss", Says: `GetUint64 of what is not there returns an error that reads exactly "not found"`, Relies: "api.go:HasExistingState", check: numberMiss},
		{Name: "value", Says: "a value that was set is there", Relies: asks, check: values("key", "value")},
		{Name: "value-newest", Says: "the newest value counts", Relies: votes, check: values("key", "old", "key", "new")},
		{Name: "value-empty", Says: "an empty value is there, and is no miss", Relies: asks, check: values("key", "", "other", "value")},
		{Name: "value-bytes", Says: "keys and values may be any bytes", Relies: votes, check: values("a\x00b\xff", "1\x00\xff", "a\x00c", "2", "a", "3")},
		{Name: "value-long", Says: "a value of 64 KiB is kept", Relies: votes, check: values("key", string(bytes.Repeat([]byte("long"), 16<<10)))},
		{Name: "value-exact-key", Says: "a key is compared whole", Relies: asks, check: exactKey},
		{Name: "number", Says: "a number is kept, and the newest counts", Relies: "api.go:NewRaft", check: numbers(pair{"n", 1}, pair{"other", 7}, pair{"n", 2})},
		{Name: "number-zero", Says: "0 is a number, and no miss", Relies: "api.go:NewRaft", check: numbers(pair{"n", 0})},
		{Name: "number-largest", Says: "a number is kept, to the largest there is", Relies: "raft.go:setCurrentTerm", check: numbers(pair{"n", math.MaxUint64}, pair{"m", 1 << 63}, pair{"k", 1 << 32})},
		{Name: "vote", Says: "a vote is kept as Raft writes it: term, then candidate", Relies: votes, check: votesOf(1)},
		{Name: "vote-newest", Says: "the newest vote counts, over many terms", Relies: asks, check: votesOf(4)},
		{Name: "vote-beside-log", Says: "emptying the log leaves the votes", Relies: asks, check: voteBesideLog},
		{Name: "log-beside-vote", Says: "voting leaves the log", Relies: votes, check: logBesideVote},
	}
}

func wantMiss(err error) error {
	if err == nil || err.Error() != "not found" {
		return fmt.Errorf("got error %v, want one that reads exactly %q", err, "not found")
	}
	return nil
}

func wantValue(s storage.Store, key, want string) error {
	got, err := s.Get([]byte(key))
	if err != nil || string(got) != want {
		return fmt.Errorf("key %q: got %.40q, error %v; want %.40q", key, got, err, want)
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

func valueMiss(l *lab) error {
	return l.lasting(
		func(storage.Store) error { return nil },
		func(s storage.Store) error {
			_, err := s.Get([]byte(voteCand))
			return wantMiss(err)
		})
}

func numberMiss(l *lab) error {
	return l.lasting(
		func(storage.Store) error { return nil },
		func(s storage.Store) error {
			_, current := s.GetUint64([]byte(currentTerm))
			_, vote := s.GetUint64([]byte(voteTerm))
			return errors.Join(wantMiss(current), wantMiss(vote))
		})
}

// values sets pairs of keys and values in their order, and wants the last of
// each key.
func values(pairs ...string) func(*lab) error {
	return func(l *lab) error {
		want := make(map[string]string)
		for i := 0; i < len(pairs); i += 2 {
			want[pairs[i]] = pairs[i+1]
		}
		return l.lasting(
			func(s storage.Store) error {
				for i := 0; i < len(pairs); i += 2 {
					if err := s.Set([]byte(pairs[i]), []byte(pairs[i+1])); err != nil {
						return err
					}
				}
				return nil
			},
			func(s storage.Store) error {
				for key, value := range want {
					if err := wantValue(s, key, value); err != nil {
						return err
					}
				}
				return nil
			})
	}
}

func exactKey(l *lab) error {
	return l.lasting(
		func(s storage.Store) error { return s.Set([]byte("key1"), []byte("v")) },
		func(s storage.Store) error {
			for _, other := range []string{"key", "key11", "KEY1", "1"} {
				_, err := s.Get([]byte(other))
				if err := wantMiss(err); err != nil {
					return fmt.Errorf("key %q beside key1: %w", other, err)
				}
			}
			return nil
		})
}

type pair struct {
	key    string
	number uint64
}

// numbers is values for numbers.
func numbers(pairs ...pair) func(*lab) error {
	return func(l *lab) error {
		want := make(map[string]uint64)
		for _, p := range pairs {
			want[p.key] = p.number
		}
		return l.lasting(
			func(s storage.Store) error {
				for _, p := range pairs {
					if err := s.SetUint64([]byte(p.key), p.number); err != nil {
						return err
					}
				}
				return nil
			},
			func(s storage.Store) error {
				for key, number := range want {
					if err := wantNumber(s, key, number); err != nil {
						return err
					}
				}
				return nil
			})
	}
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

func votesOf(terms uint64) func(*lab) error {
	return func(l *lab) error {
		var steps []func(storage.Store) error
		for term := uint64(1); term <= terms; term++ {
			candidate := fmt.Sprintf("10.0.0.%d:12000", term)
			steps = append(steps,
				func(s storage.Store) error {
					return errors.Join(vote(s, term, candidate), wantVote(s, term, candidate))
				},
				func(s storage.Store) error { return wantVote(s, term, candidate) })
		}
		return l.steps(steps...)
	}
}

func voteBesideLog(l *lab) error {
	return l.lasting(
		func(s storage.Store) error {
			return errors.Join(vote(s, 7, "node1"), s.StoreLogs(entries(1, 10, 1)), s.DeleteRange(1, 10))
		},
		func(s storage.Store) error { return wantVote(s, 7, "node1") })
}

func logBesideVote(l *lab) error {
	return l.lasting(
		func(s storage.Store) error {
			return errors.Join(s.StoreLogs(entries(1, 10, 1)), vote(s, 7, "node1"), vote(s, 8, "node2"))
		},
		having(entries(1, 10, 1)...))
}
