// Package walstore is a Raft log store on hashicorp's raft-wal: segment files
// that are appended to, with their list and Raft's votes in a small bbolt file.
//
// Take it for write speed: an append is one write and one sync. Prefer another
// where indexes may have gaps (its log is contiguous, and it says so through
// IsMonotonic), where an entry may exceed 64 MiB, or on Windows (raft-wal syncs
// directories, which Windows refuses).
//
// Settings, as in -log-store=wal:segment=16MiB:
//
//   - segment=SIZE (default 64MiB): how large a segment file grows. Each is
//     allocated whole when it is begun, and space is given back by the file, so
//     smaller ones suit small disks and short logs; larger ones mean fewer
//     rotations. It holds for segments begun from then on.
//
// Opened for reading, nothing in the directory changes: raft-wal would begin a
// segment that is missing after a crash and remove those that are left over;
// here it is given a file system that has the new one in memory and shows it
// nothing to remove. A lock that a writer holds is respected.
//
// Three things differ from raft-wal with its own metadata store, in the same
// files: a key that was never set is an error ("not found"), where raft-wal
// says it is empty; the metadata file is never waited for; and a log that lost
// power while a segment was sealed goes on, where raft-wal opens it and takes no
// entry any more.
package walstore
