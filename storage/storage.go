package storage

import (
	"io"
	"log/slog"

	"github.com/hashicorp/raft"
)

// Store is a Raft log store: the log, the vote, and a way to close both.
//
// What hashicorp/raft relies on, and every Store must keep:
//   - A StoreLogs, DeleteRange, Set or SetUint64 that returned nil is durable:
//     it survives a crash of the process and a loss of power.
//   - GetLog of an index that is not there returns exactly [raft.ErrLogNotFound].
//     Get and GetUint64 of a key that is not there return an error whose text is
//     exactly "not found". Neither is ever wrapped.
//   - An empty store has FirstIndex and LastIndex 0, with no error.
//   - DeleteRange is inclusive at both ends.
//   - A *raft.Log passed to StoreLogs is shared with Raft: it is never changed,
//     nor are its slices kept.
//   - Methods may be called from several goroutines. One of them writes the end of
//     the log; another may cut the beginning meanwhile, as Raft's snapshots do.
//   - Close releases the directory and is safe to call twice; every other method
//     returns an error after it.
//
// A Store may also implement the optional interfaces of hashicorp/raft, such as
// [raft.MonotonicLogStore]. A wrapper forwards those of what it wraps. The package
// storagetest checks all of it.
type Store interface {
	raft.LogStore
	raft.StableStore
	io.Closer
}

// Options are the settings that every log store takes. The zero value works.
type Options struct {
	// Arg is what follows the colon in -log-store=name:arg. Its form belongs to
	// the store; one that it does not understand is an [ArgError], before anything
	// in the directory is looked at.
	Arg string

	// ReadOnly opens an existing store for reading: nothing in the directory
	// changes, and every write returns an error.
	ReadOnly bool

	// Logger receives what the store has to say. Nil discards it.
	Logger *slog.Logger
}

// An ArgError says what is wrong with Options.Arg, and what would be understood.
// It is how a program knows a mistake of the user from one of the disk.
type ArgError struct{ Reason string }

func (e *ArgError) Error() string { return e.Reason }

// Opener opens the log store in dir, creating it there unless o.ReadOnly is
// set. The directory exists, and belongs to the store alone. Opening one that
// is already open, in this process or another, is an error.
type Opener func(dir string, o Options) (Store, error)
