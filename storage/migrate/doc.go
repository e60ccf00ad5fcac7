// Package migrate copies what one Raft log store holds to another, of whatever
// kind, and proves that the copy is the same.
//
// It is for stores that nobody else writes to meanwhile. A copy that was cut
// short, by an error or by the end of the process, is taken up by the next
// [Copy] where it ended: what is in the target already is compared with the
// source, and what differs is cut off and copied anew. [Copy] alone proves
// nothing about what a disk did; [Verify] reads both stores from end to end.
//
// # What is copied
//
// Of the log a [Span], which has no gap. A store whose log may have gaps has one
// where Raft installed a snapshot, and [Newest] returns what lies above the last
// one. What lies below is behind the snapshot and of no use to anybody; the
// caller makes sure that there is such a snapshot.
//
// Of the rest the values that hashicorp/raft keeps, by their names, since a
// raft.StableStore cannot list its keys: the current term, and the last vote
// with its term. The vote is copied as Raft would save it, the term and then the
// candidate, so that a store in package guard's armour keeps it as one record.
// Both stores must therefore wear what they are to be used with.
//
// The package knows no log store: any storage.Store will do. It is used by
// programs offline; nobody else needs it.
package migrate
