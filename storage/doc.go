// Package storage is the contract between keyval and a Raft log store.
//
// The built-in stores live beside it: boltstore, walstore, pebblestore and
// memstore, each with an Open of type [Opener]. What any of them can wear is in
// guard and stall; shadow has another follow it, and faulty makes one fail for a
// test. Nothing here imports keyval's other modules, so a store written
// against this package works in any program built on hashicorp/raft.
package storage
