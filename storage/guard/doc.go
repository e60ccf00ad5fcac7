// Package guard is what a Raft log store wears in production: votes that a
// crash cannot tear, and an end to writing at the first error.
//
// # The vote
//
// hashicorp/raft saves a vote with two writes, the term and then the
// candidate. After a crash between them the node holds the new term beside the
// old candidate, and Raft takes that for a vote it gave: when the old candidate
// asks in the new term it is granted again, without a look at its log, and an
// acknowledged entry can be lost. Guarded, the write of the term is held back
// until its candidate comes, and both are written as one value under one key.
// A crash leaves the old pair or the new one.
//
// So setting the key LastVoteTerm is durable only when LastVoteCand was set
// after it, as Raft does before it answers. Both keys are read from the pair.
// On a store that was never guarded they are read from the store's own keys,
// which are also believed where they name a later term: that store has voted
// without its guard since. [TakeOff] writes the pair back to those keys. Until
// it has, the store must not be used bare, since it would vote a second time
// in a term; whoever opens it records that it is guarded.
//
// # Fail-stop
//
// After a failed write nobody knows what is on disk, and a sync that failed
// once may succeed the second time over lost pages. Raft goes on after such an
// error, with a wrong idea of its log. Guarded, the first error of a write is
// reported through onFail before it is returned, and from then on no write
// reaches the store: each returns an error that wraps the first. Reads go on.
// Ending the process is up to onFail.
package guard
