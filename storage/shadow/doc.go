// Package shadow tries a log store in production without trusting it: a
// candidate is given every write of the store that is in use, the primary, and
// every read is compared.
//
// The candidate never answers, and what it does never hurts. Its part is played
// by one goroutine behind a bounded queue: a call of the primary returns as soon
// as the primary has, with what the primary said, and what the candidate has not
// done yet is lost when the process dies. So durability is that of the primary
// alone, and so is latency, but for a copy of what is written and for the disk,
// if they share one. A candidate is switched off for good, with a reason that is
// logged and reported, at its first error, when it panics, when a call of its
// takes longer than Options.Patience, and when more waits for it than the queue
// takes. It does not save a process from a candidate that ends it, or that
// panics in a goroutine of its own, as pebble does when it cannot write.
//
// # What is compared
//
// The candidate starts empty and is not given what the primary had before: to
// copy a long log would be work for the disk that both may share. It is compared
// from where it started: entries from the first index that was written since,
// keys that were written since, and that what the primary lacks is lacking. All
// of the log is compared once the primary's head has been cut beyond that point,
// as it is behind snapshots. So it starts each time that the primary is opened.
// What a store keeps over a restart or a loss of power is for the conformance
// kit to find out, which can cut a store's power at leisure.
//
// A read is compared with the candidate at the same point in the order of
// writes. One that a write overlapped, of which it may have seen either side, is
// not compared but counted as skipped, as are reads while the queue is half full.
//
// # Gaps
//
// Raft leaves a gap in the log after it was sent a snapshot, unless its store
// says that it is monotonic; then it empties the log first. So it goes by the
// primary, whose IsMonotonic is the one that it is shown. A candidate that is
// monotonic below a primary that is not has its log emptied at a gap, as Raft
// would have done, and is compared from there on.
package shadow
