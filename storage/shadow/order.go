package shadow

import (
	"fmt"
	"math"
	"time"

	"github.com/hashicorp/raft"
)

const everything = math.MaxUint64

// touch is what a call reads or writes: entries from low to high, or a key. Keys
// are not told apart, as they are written seldom.
type touch struct {
	stable    bool
	low, high uint64
}

func span(logs []*raft.Log) touch {
	t := touch{low: everything}
	for _, l := range logs {
		t.low, t.high = min(t.low, l.Index), max(t.high, l.Index)
	}
	return t
}

func (t touch) meets(o touch) bool {
	return t.stable == o.stable && (t.stable || t.low <= o.high && o.low <= t.high)
}

// pending is a call of the primary that is under way.
type pending struct {
	shadow  *Shadow // nil when the candidate is off
	touch   touch
	read    bool
	written uint64 // how many writes had been queued when a read began
	began   time.Time
}

func (s *Shadow) writing(t touch) *pending {
	if s.ended() {
		return &pending{}
	}
	p := &pending{shadow: s, touch: t, began: time.Now()}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active = append(s.active, p)
	return p
}

func (s *Shadow) reading(t touch) *pending {
	if s.ended() {
		return &pending{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return &pending{shadow: s, touch: t, read: true, written: s.written, began: time.Now()}
}

// done puts what the call did in the queue, in an order that the candidate can
// repeat: writes as they returned, since those that overlap touch other things
// or have no order; and a read where no write of what it read came between it
// and its place. err is the primary's.
func (p *pending) done(err error, what func() item) {
	s := p.shadow
	if s == nil {
		return
	}
	took := time.Since(p.began)
	if p.read && isMiss(err) {
		err = nil // an answer like another
	}
	var it item
	if err == nil && !s.ended() {
		it = what()
		s.latency.add(it.kind(), ofPrimary, took)
	}
	s.logOff(s.enqueue(p, it, err))
}

// enqueue returns why the candidate was switched off, if it just was.
func (s *Shadow) enqueue(p *pending, it item, err error) (off string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !p.read {
		s.leave(p)
		s.written++
	}
	switch {
	case s.ended(): // and does not begin again, so below there is an item
	case err != nil && p.read: // there is nothing to compare
	case err != nil:
		return s.switchOff("the primary failed, and what it holds is not known: " + err.Error())
	case !p.read:
		if len(s.queue) == cap(s.queue) || s.bytes+it.size() > s.o.MaxBytes {
			return s.switchOff(fmt.Sprintf("it fell behind: %d calls with %d bytes wait for it", s.waiting, s.bytes))
		}
		s.put(it)
	case p.written != s.written || s.overlaps(p.touch) || len(s.queue) >= cap(s.queue)/2 || s.bytes >= s.o.MaxBytes/2:
		s.skipped++
	default:
		s.put(it)
	}
	return ""
}

// put does not wait: others only take from the queue, and mu is held.
func (s *Shadow) put(it item) {
	s.queue <- it
	s.waiting++
	s.bytes += it.size()
}

func (s *Shadow) leave(p *pending) {
	for i, a := range s.active {
		if a == p {
			s.active = append(s.active[:i], s.active[i+1:]...)
			return
		}
	}
}

func (s *Shadow) overlaps(t touch) bool {
	for _, a := range s.active {
		if a.touch.meets(t) {
			return true
		}
	}
	return false
}
