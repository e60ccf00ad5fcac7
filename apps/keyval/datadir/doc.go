// Package datadir owns a node's data directory: it creates it, locks it against
// a second process, knows which node it is, and refuses a directory that is not
// this node's to use.
//
//	DIR/keyval.json     the marker: whose directory this is
//	DIR/LOCK            held locked by the process that uses the directory
//	DIR/log/            the log store's own; DIR/log.2/ and so on once it was migrated
//	DIR/migration.json  what a migration that is not at its end is making
//	DIR/snapshots/      made and kept by hashicorp/raft's FileSnapshotStore
//
// Every error is one line that names the directory and what to do about it.
// Nodes that keep everything in memory never come here.
package datadir
