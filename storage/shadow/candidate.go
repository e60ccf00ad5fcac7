package shadow

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/internal/optional"
	"github.com/forkbikash/keyval/storage/stall"
)

// closeGrace bounds how long Close waits for the candidate.
const closeGrace = 2 * time.Second

// Shadow is a candidate at work. Its methods may be called from several
// goroutines.
type Shadow struct {
	o       Options
	latency latencies
	queue   chan item
	stop    chan struct{} // closed when the candidate is off, or the store closed
	stopped chan struct{} // closed when the candidate's goroutine has ended

	gone atomic.Bool // stop is closed; set with mu held

	mu          sync.Mutex // held for moments, never while a store is called
	active      []*pending // writes of the primary that are under way
	written     uint64
	waiting     int   // calls that are queued, and the one that the candidate is in
	bytes       int64 // that these take
	off         string
	writes      uint64
	reads       uint64
	skipped     uint64
	differences uint64
	examples    []string
}

func newShadow(o Options) *Shadow {
	return &Shadow{
		o: o, queue: make(chan item, o.MaxCalls),
		stop: make(chan struct{}), stopped: make(chan struct{}),
	}
}

// ended says that nothing is queued any more.
func (s *Shadow) ended() bool { return s.gone.Load() }

// start begins with what primary holds now; nobody uses it yet.
func (s *Shadow) start(primary storage.Store) {
	f := &follower{shadow: s, keys: make(map[string]bool)}
	oldest, err := primary.FirstIndex()
	if err == nil {
		f.newest, err = primary.LastIndex()
	}
	f.oldest = oldest
	if f.newest != 0 {
		f.floor = f.newest + 1
	}
	if err != nil {
		s.fail("the primary failed: " + err.Error())
	}
	go func() {
		defer close(s.stopped)
		f.run()
	}()
}

// run is the candidate's goroutine.
func (f *follower) run() {
	s := f.shadow
	if s.ended() {
		return
	}
	opened, err := f.open()
	if err != nil {
		s.fail("it does not open: " + err.Error())
		return
	}
	f.contiguous = optional.IsMonotonic(opened)
	// What hangs is off at once, and closed if it ever returns.
	f.candidate, _ = stall.Wrap(opened, s.o.Patience, func(error) {
		s.fail(fmt.Sprintf("it hangs: a call took more than %v", s.o.Patience))
	})
	f.follow()
	// It is off or the store is closed, whatever this does.
	if err := survive(opened.Close); err != nil {
		s.o.Logger.Warn("the shadow log store does not close", "error", err)
	}
}

func (f *follower) open() (opened storage.Store, err error) {
	o := f.shadow.o
	late := time.AfterFunc(o.Patience, func() { f.shadow.fail(fmt.Sprintf("it was not open within %v", o.Patience)) })
	defer late.Stop()
	err = survive(func() (err error) {
		opened, err = o.Open()
		return err
	})
	return opened, err
}

// follow repeats calls until the candidate is off or the store closed.
func (f *follower) follow() {
	for {
		select {
		case <-f.shadow.stop:
			return
		case it := <-f.shadow.queue:
			if err := it.do(f); err != nil {
				f.shadow.fail(err.Error())
				return
			}
			f.shadow.took(it)
		}
	}
}

// call runs one of the candidate's and times it.
func (f *follower) call(k kind, do func() error) error {
	began := time.Now()
	err := survive(do)
	f.shadow.latency.add(k, ofCandidate, time.Since(began))
	return err
}

// survive makes a panic an error.
func survive(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("it panicked: %v", p)
		}
	}()
	return do()
}

func (s *Shadow) took(it item) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if it.kind() != reads {
		s.writes++
	}
	if !s.ended() {
		s.waiting--
		s.bytes -= it.size()
	}
}

// fail ends the candidate.
func (s *Shadow) fail(reason string) {
	s.mu.Lock()
	reason = s.switchOff(reason)
	s.mu.Unlock()
	s.logOff(reason)
}

// switchOff ends the candidate, unless it has ended. It returns the reason if it
// is the one that counts. The caller holds mu, and logs when it does not.
func (s *Shadow) switchOff(reason string) string {
	if s.ended() {
		return ""
	}
	s.off = reason
	s.end()
	return reason
}

// end drops what waits: nobody will take it.
func (s *Shadow) end() {
	s.gone.Store(true)
	close(s.stop)
	for len(s.queue) > 0 {
		select {
		case <-s.queue:
		default:
		}
	}
	s.waiting, s.bytes = 0, 0
}

func (s *Shadow) logOff(reason string) {
	if reason != "" {
		s.o.Logger.Warn("the shadow log store is off from now on", "reason", reason)
	}
}

func (s *Shadow) close() {
	s.mu.Lock()
	if !s.ended() {
		s.end()
	}
	s.mu.Unlock()
	late := time.NewTimer(closeGrace)
	defer late.Stop()
	select {
	case <-s.stopped:
	case <-late.C:
		s.o.Logger.Warn("the shadow log store does not close")
	}
}

func (s *Shadow) countSkipped() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.skipped++
}

// Of differences, the first few are kept, and logged; after that each time that
// there are ten times as many.
const maxExamples = 10

// compared counts a read of what, and the difference if there was one.
func (s *Shadow) compared(what, difference string) {
	if n := s.countCompared(what, difference); n > 0 && (n <= maxExamples || isPowerOfTen(n)) {
		s.o.Logger.Error("the shadow log store differs", "what", what, "how", difference, "differences", n)
	}
}

func (s *Shadow) countCompared(what, difference string) (differences uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	if difference == "" {
		return 0
	}
	s.differences++
	if len(s.examples) < maxExamples {
		s.examples = append(s.examples, what+": "+difference)
	}
	return s.differences
}

func isPowerOfTen(n uint64) bool {
	for n%10 == 0 {
		n /= 10
	}
	return n == 1
}
