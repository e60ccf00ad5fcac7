// Package filelog is a Raft log store in one file: small, whole, and as honest
// as it is simple.
//
// Everything that Raft writes is a record at the end of the file, synced before
// the write returns: a batch of entries, a range removed, a value. Opening reads
// them all. A batch is one record, so that a crash leaves all of it or nothing.
// When most of the file is about what was removed, what is left is written to a
// new file, which then takes the place of the old one.
//
// A record has a checksum, and so has each entry in it. One that is damaged and
// has a whole one behind it was acknowledged, and the store does not open. The
// last one may be what a crash tore: it is cut off. Damage to a last record
// that was acknowledged cannot be told from that.
//
// It keeps a position of every entry in memory, and readers wait while a write
// is synced: take one of keyval's own stores where that matters.
package filelog
