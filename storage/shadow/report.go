package shadow

import "slices"

// Report is how a candidate has done so far.
type Report struct {
	// Off is why it was switched off; empty while it is at work.
	Off string

	Writes      uint64 // that it repeated
	Reads       uint64 // that were compared
	Skipped     uint64 // reads that could not be compared
	Differences uint64
	Examples    []string // the first few differences
	Waiting     int      // calls that wait for it

	Appends, Truncations, Votes, ReadTimes Pair
}

// Pair compares the primary's latency with the candidate's, in calls of one
// kind. The candidate's do not include the time in the queue.
type Pair struct{ Primary, Candidate Latency }

// Report tells how the candidate has done.
func (s *Shadow) Report() Report {
	s.mu.Lock()
	defer s.mu.Unlock()
	pair := func(k kind) Pair {
		return Pair{s.latency.of(k, ofPrimary), s.latency.of(k, ofCandidate)}
	}
	return Report{
		Off:    s.off,
		Writes: s.writes, Reads: s.reads, Skipped: s.skipped,
		Differences: s.differences, Examples: slices.Clone(s.examples),
		Waiting: s.waiting,
		Appends: pair(appends), Truncations: pair(truncations), Votes: pair(votes), ReadTimes: pair(reads),
	}
}
