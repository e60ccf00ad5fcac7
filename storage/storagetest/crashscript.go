package storagetest

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"math/rand/v2"
	"time"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
)

var (
	crashCurrentTerm = []byte("CurrentTerm")
	crashVoteTerm    = []byte("LastVoteTerm")
	crashVoteCand    = []byte("LastVoteCand")
)

// crashState is what a store should have: a log without holes, the term, and
// the vote.
type crashState struct {
	first, last uint64
	logs        map[uint64]*raft.Log
	term        uint64
	voteTerm    uint64
	voteCand    string
}

func (s *crashState) clone() *crashState {
	twin := *s
	twin.logs = maps.Clone(s.logs)
	return &twin
}

func (s *crashState) add(l *raft.Log) {
	if s.last == 0 {
		s.first = l.Index
	}
	s.last = l.Index
	s.logs[l.Index] = l
}

func (s *crashState) remove(low, high uint64) {
	for i := low; i <= high; i++ {
		delete(s.logs, i)
	}
	switch {
	case low <= s.first && high >= s.last:
		s.first, s.last = 0, 0
	case low <= s.first:
		s.first = high + 1
	default:
		s.last = low - 1
	}
}

// String says it all, the entries as a sum.
func (s *crashState) String() string {
	var all []byte
	for i := s.first; i <= s.last; i++ {
		if l := s.logs[i]; l != nil {
			all = fmt.Appendf(all, "%d %d %d %x %x\n", l.Index, l.Term, l.Type, l.Data, l.Extensions)
		}
	}
	sum := sha256.Sum256(all)
	return fmt.Sprintf("a log from %d to %d (sum %x), term %d, vote for %q in %d",
		s.first, s.last, sum[:4], s.term, s.voteCand, s.voteTerm)
}

// crashOp is one operation of a script.
type crashOp struct {
	what string
	do   func(storage.Store) error // nil for opening, or closing and opening
	then func(*crashState)
}

// crashScript is an endless sequence of operations, the same for the same seed
// in every process. The first opens the store.
type crashScript struct {
	rng   *rand.Rand
	state *crashState // after all that next has returned
	count int
	next1 uint64 // the index to go on with when the log is empty
	term  uint64 // of new entries
}

func newCrashScript(seed uint64) *crashScript {
	return &crashScript{
		rng:   rand.New(rand.NewPCG(seed, 1)),
		state: &crashState{logs: make(map[uint64]*raft.Log)},
		next1: 1,
		term:  1,
	}
}

// crashStates returns what a store should have after acked operations, and
// after begun, and what the last of these is.
func crashStates(seed uint64, acked, begun int) (before, after *crashState, inFlight string) {
	script := newCrashScript(seed)
	before = script.state.clone()
	for i := range begun {
		inFlight = script.next().what
		if i+1 == acked {
			before = script.state.clone()
		}
	}
	if begun == acked {
		inFlight = "nothing"
	}
	return before, script.state, inFlight
}

func (c *crashScript) next() crashOp {
	op := c.choose()
	c.count++
	if op.then != nil {
		op.then(c.state)
	}
	return op
}

func (c *crashScript) choose() crashOp {
	if c.count == 0 {
		return crashOp{what: "opening for the first time"}
	}
	s := c.state
	length := len(s.logs)
	switch dice := c.rng.IntN(100); {
	case dice < 8:
		return crashOp{what: "closing and opening"}
	case dice < 22:
		return c.vote()
	case dice < 38 && length > 2:
		return c.cutTail()
	case (dice < 46 && length > 4) || length > 60:
		return c.remove("head", s.first, s.first+uint64(c.rng.IntN(length-1)))
	case dice < 49 && length > 0:
		// As after a snapshot from the leader.
		c.next1 = s.last + 1 + uint64(c.rng.IntN(50))
		return c.remove("all", s.first, s.last)
	default:
		return c.append()
	}
}

func (c *crashScript) append() crashOp {
	index := c.next1
	if c.state.last > 0 {
		index = c.state.last + 1
	}
	logs := make([]*raft.Log, 1+c.rng.IntN(2)*c.rng.IntN(8))
	for i := range logs {
		logs[i] = c.entry(index + uint64(i))
	}
	return crashOp{
		what: fmt.Sprintf("storing entries %d to %d of term %d", index, logs[len(logs)-1].Index, c.term),
		do: func(s storage.Store) error {
			if len(logs) == 1 {
				return s.StoreLog(logs[0])
			}
			return s.StoreLogs(logs)
		},
		then: func(s *crashState) {
			for _, l := range logs {
				s.add(l)
			}
		},
	}
}

func (c *crashScript) entry(index uint64) *raft.Log {
	size := c.rng.IntN(600)
	if c.rng.IntN(8) == 0 {
		size = c.rng.IntN(20_000)
	}
	l := &raft.Log{Index: index, Term: c.term, AppendedAt: time.Unix(1_700_000_000, int64(index)).UTC()}
	l.Data = crashBytes(c.rng, size)
	if c.rng.IntN(3) == 0 {
		l.Extensions = crashBytes(c.rng, 1+c.rng.IntN(40))
	}
	if c.rng.IntN(10) == 0 {
		l.Type = raft.LogConfiguration
	}
	return l
}

func crashBytes(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// cutTail is what a follower does with entries that the leader does not have.
func (c *crashScript) cutTail() crashOp {
	c.term++
	cut := 1 + c.rng.IntN(min(len(c.state.logs)-1, 8))
	return c.remove("tail", c.state.last-uint64(cut)+1, c.state.last)
}

func (c *crashScript) remove(which string, low, high uint64) crashOp {
	return crashOp{
		what: fmt.Sprintf("deleting %d to %d (%s)", low, high, which),
		do:   func(s storage.Store) error { return s.DeleteRange(low, high) },
		then: func(s *crashState) { s.remove(low, high) },
	}
}

func (c *crashScript) vote() crashOp {
	term := c.state.term + 1
	if c.rng.IntN(3) == 0 {
		return crashOp{
			what: fmt.Sprintf("setting the term to %d", term),
			do:   func(s storage.Store) error { return s.SetUint64(crashCurrentTerm, term) },
			then: func(s *crashState) { s.term = term },
		}
	}
	term = max(term, c.state.voteTerm+1)
	cand := fmt.Sprintf("10.0.0.%d:12000", c.rng.IntN(256))
	return crashOp{
		what: fmt.Sprintf("voting for %s in term %d", cand, term),
		do: func(s storage.Store) error {
			if err := s.SetUint64(crashVoteTerm, term); err != nil {
				return err
			}
			return s.Set(crashVoteCand, []byte(cand))
		},
		then: func(s *crashState) { s.voteTerm, s.voteCand = term, cand },
	}
}

// sameCrashEntry compares what a crash must not change.
func sameCrashEntry(got, want *raft.Log) bool {
	return got.Index == want.Index && got.Term == want.Term && got.Type == want.Type &&
		bytes.Equal(got.Data, want.Data) && bytes.Equal(got.Extensions, want.Extensions)
}
