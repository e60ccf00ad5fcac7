// Package stall ends a node whose disk hangs.
//
// A disk that returns an error is reported by the log store. One that returns
// nothing at all holds whoever waits for it, and hashicorp/raft waits in its own
// loop: a leader with such a disk goes on sending heartbeats, so that nobody
// else stands for election, and commits nothing (hashicorp/raft#503). Watched,
// a call that takes longer than a timeout is reported, and the program ends, so
// that another node leads.
//
// What hangs may still land on disk later. So a store that has stalled is
// poisoned: no call succeeds any more, not even the one that hung, should it
// return.
//
// Nothing here, and nothing that onStall does, may ask Raft or the store: both
// hang.
package stall
