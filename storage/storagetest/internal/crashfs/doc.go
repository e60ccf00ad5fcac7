// Package crashfs is a file system that forgets what was not synced. It lets
// the crash kit of storagetest take the power away from any log store, which
// needs to know nothing of it.
//
// A [Disk] remembers of each file what fsync or fdatasync made durable and, in
// order, each write and change of size since; of each directory the names that
// its fsync made durable, and each creation, rename and removal since. An
// [Image] is what the disk is at one moment. Of one image many disks can be
// made that a loss of power could leave: with [Keep] nothing of what was not
// synced, or all, or all up to a write that is torn, or any part.
//
// So a cut need not stop anybody. What a loss of power leaves does not depend
// on what would have come after it, and a store that goes on to the next cut
// costs less than one that is started anew for each.
//
// A failed sync behaves as on Linux: what it did not write is lost and yet
// still read, until the power goes, and the next sync succeeds without it.
//
// [Mount] serves disks over FUSE, each in a directory of the mount. A process
// must not map a file that it serves itself into memory, for a page fault that
// waits for its own process can stop it for good. Stores therefore run in a
// child process.
package crashfs
