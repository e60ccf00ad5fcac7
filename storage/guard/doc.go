// Package guard is what a Raft log store wears in production: votes that a
// crash cannot tear, an end to writing at the first error, checksums, and a mark
// that tells an acknowledged end of the log that vanished from one that was
// never written. [Opener] puts all of it on a store on disk; [Wrap] gives a
// store in memory the first two.
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
// without its guard since.
//
// # Fail-stop
//
// After a failed write nobody knows what is on disk, and a sync that failed
// once may succeed the second time over lost pages. Raft goes on after such an
// error, with a wrong idea of its log. Guarded, the first error of a write is
// reported through OnFail before it is returned, and from then on no write
// reaches the store: each returns an error that wraps the first. Reads go on.
// Ending the process is up to OnFail. A damaged entry and a mark that cannot be
// written count as a failed write.
//
// # The checksum
//
// An entry is stored as a copy whose Extensions end in a CRC-32C of all its
// fields. GetLog checks it and takes it off. One that does not fit is an error
// that names the index, and never raft.ErrLogNotFound, which Raft would take for
// an entry that was cut off behind a snapshot. When a store is opened for
// writing the whole log is read, so that damage is found before the node begins:
// Raft itself panics over it.
//
// The mark says which indexes the log must have, and that with a checksum: from
// the one on at which the guard was put on, less what Raft left out when it
// installed a snapshot. So a store that was used bare can be guarded from then
// on, and an entry that is missing in the middle is noticed too. An entry that
// need not have a checksum and has one that fits is read without it.
//
// A store that panics while it is opened and read, as bbolt does over a damaged
// page, is reported as damaged as well. Where it panics on a goroutine of its
// own, as bbolt does without nofreelistsync=false, the process ends.
//
// # The mark
//
// An end of the log that was never acknowledged may be torn off by a crash, and
// each store tolerates that. But a store that finds its last file or block
// damaged takes acknowledged entries for such an end as well, and a node without
// them breaks its promise. So the guard keeps the indexes of the first and the
// last acknowledged entry, in a file of its own ([FileName]), and refuses to open
// a store whose log lacks any.
//
// To sync it with each append would double the cost of one. With [On] it is
// written beside the appends: 5 ms after the last one when the log is idle, and
// every 50 ms while it is not. No append is acknowledged while the mark lacks an
// entry that was acknowledged 100 ms before. So there is a window: entries
// can vanish unnoticed if they were the last, acknowledged within 100 ms before a
// crash. [Strict] has no window. Before anything is cut off the
// log, the mark says so durably; it never expects more than what is there.
//
// The file has two records with checksums, written in turn. If the newer is
// damaged the older counts, which is what a crash in the middle of a write takes;
// the mark may then be behind by one write more. Where there should be a mark
// and is none, the store is not opened: it has noted that it was guarded.
//
// The mark covers the log, not the numbers and values that Raft keeps beside it.
//
// # After an unclean stop
//
// A process that is killed may leave in the page cache what never reached the
// disk. A node that answered from it could promise what a loss of power then
// takes. So Close notes that it was the end, and without that note all files and
// directories of the store are synced, and those of Options.AlsoSync, before the
// store is opened.
//
// # Without it
//
// A store that was guarded is opened with [Off] and not bare: that writes the
// vote back to the keys that Raft reads, ends the mark, and goes on to check and
// take off the checksums that entries have. New entries get none. The fail-stop
// stays, since Raft is wrong without it. Whoever opens a directory records that
// its store is guarded: before it is guarded for the first time, and until it
// was opened with Off.
package guard
