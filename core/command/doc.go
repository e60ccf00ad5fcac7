// Package command is the encoding of keyval's Raft log entries: a version byte,
// then a protobuf envelope of one or more commands.
//
// A node writes no version newer than the cluster's replicated minimum, and
// stops with [ErrUnknownVersion] rather than skip what it cannot read. The
// schema and its generated code are in commandpb. Anything may import this
// package; it imports nothing of keyval.
package command
