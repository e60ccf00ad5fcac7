// Package transport is the contract between keyval and the wire that its nodes
// talk over.
//
// The built-in transport is in tcp, with an Open of type [Opener]. Nothing here
// imports keyval's other modules, so a transport written against this package
// works in any program built on hashicorp/raft.
package transport
