// Package boltstore is a Raft log store on bbolt, through hashicorp's
// raft-boltdb: one file, a B+tree, a copy-on-write page for whatever changes.
//
// Take it when you want the store that most programs on hashicorp/raft have
// run for years and whose file (raft.db) their tools read. An append costs two
// syncs, so it is the slowest of the durable stores; walstore takes about half
// the time.
//
// Settings, as in -log-store=bolt:freelist=array,nofreelistsync=false:
//
//   - freelist=map|array (default map): how free pages are kept in memory. The
//     map finds room in constant time; the array searches, which hurts after a
//     log has grown large and been cut.
//   - nofreelistsync=true|false (default true): whether the list of free pages
//     stays out of the file. It can be had again by reading the tree, so
//     leaving it out costs no safety: it saves a page or more in every append,
//     and pays with a scan of the file when it is opened.
//
// With both defaults a synced append of one 256 B entry took 0.88 of the time it
// took with neither, by the median of 4,000 with the head cut as behind a
// snapshot: the list alone brings 0.89, the map alone 0.92. Run BenchmarkAppend
// of package storage on your own disk.
//
// Every write is synced before it returns; no setting changes that.
//
// Beyond raft-boltdb, the store is created whole under another name and then
// renamed, with the directory synced, so that a power failure at first start
// leaves no half file and an acknowledged entry's file is there afterwards; a
// second open is refused at once; a number that is not eight bytes long is an
// error and no panic; GetLog never writes into a buffer it returned before.
package boltstore
