// Package stall ends a node whose disk hangs, so that another leads.
//
// hashicorp/raft has no bound for a write to the log store: its own loop waits,
// and the heartbeats, which come from elsewhere, go on. So a leader whose disk
// neither works nor fails keeps its followers and answers no write, for as long
// as it hangs (hashicorp/raft#503). [Wrap] watches every call of a store, with
// one timer for all of them, and asks nothing of Raft.
//
// # When a call hangs
//
// A call that has not returned for the timeout, and at most an eighth of it
// more, hangs. Then, in this order: the store is poisoned, so that no call
// returns success any more, neither those under way nor later ones; onFail is
// told, once, with an [Error]; and only then may the call that hangs return, if
// its disk ever lets it. What it wrote may be on disk, then or later: the write
// was not acknowledged, and Raft copes with entries that nobody was told of, as
// after a crash. Ending the process is up to onFail, which must not wait for
// Raft or for the store.
//
// Reads are watched as writes are: Raft's loop reads too, and hangs as well. So
// is DeleteRange, which takes as long as its engine needs; the timeout must be
// longer than the longest honest call.
//
// # What does not count
//
// Time in which this process does not run: it may be stopped, or its machine may
// be asleep, in the middle of a write. So the watch counts its own ticks, and a
// call hangs when it was there at eight of them. Open and Close are not watched:
// while the one runs nothing leads here yet, and whoever calls the other bounds
// it.
package stall
