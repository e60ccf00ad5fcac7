package faulty

import (
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// Op is a set of the calls of a store.
type Op uint

// The calls. StoreLog counts as StoreLogs of one entry.
const (
	FirstIndex Op = 1 << iota
	LastIndex
	GetLog
	StoreLogs
	DeleteRange
	Get
	GetUint64
	Set
	SetUint64
	Close
)

// Sets of calls, to be used as a Fault's On.
const (
	Reads  = FirstIndex | LastIndex | GetLog | Get | GetUint64
	Writes = StoreLogs | DeleteRange | Set | SetUint64
)

// All is what Fault.Lands is for a write that is done in full before it fails.
const All = -1

// Fault is what goes wrong, and when. Its parts happen in the order in which
// they stand here.
type Fault struct {
	On    Op  // the calls that it concerns
	After int // how many of these it leaves alone first
	Times int // how many it then spoils; 0 for all

	// Delay holds the call up.
	Delay time.Duration

	// Hang holds the call up until it is closed. What the call does comes after
	// that, as with a disk that wakes up: a late write lands.
	Hang <-chan struct{}

	// Panic is what the call panics with; nil for none.
	Panic any

	// Err is what the call returns. Reads and Close do nothing else then, and
	// writes as much as Lands says.
	Err error

	// Lands is how many entries of a batch are stored before Err is returned; All
	// for the whole batch. Other writes are done in full unless it is 0.
	Lands int

	// Alter changes the entry that GetLog returned; it is the caller's copy.
	Alter func(*raft.Log)
}

// Script says what goes wrong. The zero value lets everything through. It may be
// used by several goroutines and followed by several stores, whose calls it
// counts together.
type Script struct {
	mu      sync.Mutex
	faults  []*rule
	calls   map[Op]int
	hanging int
}

// rule is a fault, and how many calls it has seen.
type rule struct {
	Fault
	seen int
}

// Inject adds f. It counts calls from now on. Of several faults that concern one
// call, the one that was injected first happens.
func (s *Script) Inject(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &rule{Fault: f})
}

// Clear takes all faults back. Calls that a fault holds up stay so.
func (s *Script) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// Calls is how many calls of ops have begun.
func (s *Script) Calls(ops Op) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for op, calls := range s.calls {
		if op&ops != 0 {
			n += calls
		}
	}
	return n
}

// Hanging is how many calls wait for their Hang now.
func (s *Script) Hanging() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hanging
}

// begin counts a call of op and does what delays it. It returns what else is to
// happen to it.
func (s *Script) begin(op Op) Fault {
	f := s.next(op)
	if f.Delay > 0 {
		time.Sleep(f.Delay)
	}
	if f.Hang != nil {
		s.hang(f.Hang)
	}
	if f.Panic != nil {
		panic(f.Panic)
	}
	return f
}

func (s *Script) next(op Op) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls == nil {
		s.calls = make(map[Op]int)
	}
	s.calls[op]++
	var found Fault
	for _, r := range s.faults {
		if r.On&op == 0 {
			continue
		}
		r.seen++
		due := r.seen > r.After && (r.Times == 0 || r.seen <= r.After+r.Times)
		if due && found.On == 0 {
			found = r.Fault
		}
	}
	return found
}

func (s *Script) hang(until <-chan struct{}) {
	s.count(1)
	defer s.count(-1)
	<-until
}

func (s *Script) count(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hanging += n
}
