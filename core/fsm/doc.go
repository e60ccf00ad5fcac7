// Package fsm is keyval's replicated state: keys with their revisions, the
// members' records and the cluster's settings.
//
// It is deterministic: no I/O beyond the snapshot's stream, no clock, no
// goroutine, no randomness that shows. Replicas that applied the same entries
// are equal, which [State.Summary] lets them compare.
//
// # Shape
//
// A hash table finds a key's entry, an ordered index lists the keys and changes
// only when one appears or goes. An entry holds its newest version, an immutable
// record that [State.Get] hands out without copying. A [Snapshot] pins a
// revision: from then on a version that it can see is chained behind the one
// that supersedes it, instead of being dropped, until the pin is released. So
// nothing is copied for a batch, and no reader makes a writer wait for longer
// than it takes to collect one chunk of records.
//
// Whoever drives the state machine may import this package.
package fsm
