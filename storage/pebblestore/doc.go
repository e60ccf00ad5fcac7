// Package pebblestore is a Raft log store on CockroachDB's pebble, a log-
// structured merge tree.
//
// Take it when the log is long or its entries large: an append is one synced
// write to pebble's own log, a truncated head costs one range tombstone, and
// every block is checksummed. Its log may have gaps.
//
// Settings, as in -log-store=pebble:memtable=32MiB,cache=16MiB:
//
//   - memtable=SIZE (default 16MiB): how much is held in memory before it is
//     written to a table. A log that Raft cuts before that never leaves pebble's
//     write-ahead log.
//   - cache=SIZE (default 8MiB): the cache of table blocks. Raft reads old
//     entries only for followers that are behind.
//
// Every write is committed with pebble.Sync. An entry is kept in a form of our
// own (see entry.go) with its version in front; one of another version is
// refused.
//
// The store is written in a format of pebble (FormatTableFormatV6) that marks
// in its write-ahead log how far it was synced, so that damage in the middle is
// an error when the store is opened and is not taken for a torn end, and that
// has checksums in the footers of tables too. There is a limit to it: pebble
// v2.1.7 looks for the mark in later blocks of 32 KiB only, so damage within
// the last block of the newest write-ahead log still passes for a torn end, and
// the entries from there on are gone without a word. Package guard's mark
// notices that, for entries; a vote or a term that was written after the last of
// them may still be lost so.
//
// # When a write fails
//
// pebble gives no error back when it cannot commit: it calls its logger's
// Fatalf, and a retry could only lie about what is on disk. When it cannot write
// a table, on a full disk for instance, it tries again without end. Both end the
// process here: Fatalf logs the reason and panics with it. Do not recover from
// that panic: pebble's locks are held and what its files hold is unknown. It may
// come on a goroutine of pebble's own, so the process ends whatever its callers
// do, with an exit code that is not zero. A wrapper's onFail is not called for it.
//
// Opened for reading, nothing in the directory changes: what is only in the
// write-ahead log is replayed in memory.
package pebblestore
