// Package node wires hashicorp/raft to keyval's state machine: proposals,
// reads, membership, leadership, shutdown.
//
// A node is given its log store, snapshot store and transport, and never knows
// which they are. It speaks Raft alone: HTTP, files and flags belong to others.
package node
