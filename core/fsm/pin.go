package fsm

import "slices"

// pin keeps what a reader at one revision sees.
//
// A version is dropped when it is superseded, unless a pin sees it; then it is
// chained, and noted by the newest pin that sees it. When that pin goes, the
// version is handed to the next older pin that sees it too, or dropped. So every
// chained version is noted exactly once, and a chain holds every version that
// some pin sees, tombstones included.
type pin struct {
	revision uint64
	readers  int
	noted    []slot
}

// pin returns the pin of the current revision, with one more reader.
func (s *State) pin() *pin {
	if n := len(s.pins); n > 0 && s.pins[n-1].revision == s.revision {
		s.pins[n-1].readers++
		return s.pins[n-1]
	}
	p := &pin{revision: s.revision, readers: 1}
	s.pins = append(s.pins, p)
	return p
}

// supersede makes rec the newest version of an entry.
func (s *State) supersede(at slot, rec record) {
	e := s.space.entry(at)
	// A pin is never younger than the state, so the newest pin sees the version
	// that is newest until now, or no pin does.
	if n := len(s.pins); n > 0 && e.rec.mod() <= s.pins[n-1].revision {
		e.older = &version{rec: e.rec, older: e.older}
		s.pins[n-1].noted = append(s.pins[n-1].noted, at)
	}
	e.rec = rec
}

// collect removes an entry that is only a tombstone.
func (s *State) collect(at slot) {
	if e := s.space.entry(at); e.older == nil && !e.rec.live() {
		s.space.remove(at)
	}
}

// releaseChunk bounds how many versions are dropped under one hold of the lock.
const releaseChunk = 256

// unpin takes one reader from p, and with the last one drops what only p kept,
// without holding the lock for long.
func (s *State) unpin(p *pin) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.readers--; p.readers > 0 {
		return
	}
	// From here on nothing is noted by p.
	s.pins = slices.DeleteFunc(s.pins, func(other *pin) bool { return other == p })
	for len(p.noted) > 0 {
		n := max(0, len(p.noted)-releaseChunk)
		for _, at := range p.noted[n:] {
			s.letGo(at, p.revision)
		}
		if p.noted = p.noted[:n]; n > 0 {
			s.mu.Unlock()
			s.mu.Lock()
		}
	}
	p.noted = nil
}

// letGo hands the version that was noted at revision to an older pin that sees
// it, or drops it.
func (s *State) letGo(at slot, revision uint64) {
	// The version is in the chain, and its entry is alive, until this call. It is
	// not the newest one, so newer is never nil when v is found.
	newer := s.space.entry(at)
	v := newer.older
	for v.rec.mod() > revision {
		newer, v = v, v.older
	}
	for _, p := range slices.Backward(s.pins) {
		if p.revision < revision && p.revision >= v.rec.mod() {
			p.noted = append(p.noted, at)
			return
		}
	}
	newer.older = v.older
	s.collect(at)
}
