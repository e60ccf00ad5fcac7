package fsm

import "errors"

// Refusals. They are deterministic: every replica gives the same one, and the
// command changed nothing.
var (
	// ErrEmptyKey says that a write names no key.
	ErrEmptyKey = errors.New("a key is empty")

	// ErrTooLarge says that a key exceeds 65,535 bytes or a value 64 MiB. The
	// cluster's own limits are lower and checked before a command is proposed;
	// these keep whatever passes them within what a snapshot can carry.
	ErrTooLarge = errors.New("a key or value is too large")

	// ErrUnknownCommand says that a command is empty or has a part that this
	// package does not know. The entry decoder stops the node before that.
	ErrUnknownCommand = errors.New("unknown command")

	// ErrOtherCluster says that the cluster already has another name, or that the
	// new one is empty.
	ErrOtherCluster = errors.New("the cluster has another id")

	// ErrNoMemberID says that a member record has no id.
	ErrNoMemberID = errors.New("the member has no id")

	// ErrRemoved says that a member's incarnation was removed for good.
	ErrRemoved = errors.New("this incarnation of the member was removed from the cluster")

	// ErrMemberTooOld says that a member cannot apply the command version that
	// the cluster uses or is asked to use.
	ErrMemberTooOld = errors.New("the member cannot apply the cluster's command version")

	// ErrMinVersion says that the cluster's command version would go down, or up
	// without a member that is known to apply it.
	ErrMinVersion = errors.New("the cluster's command version cannot be set to this")
)

// ErrSnapshot says that a snapshot is damaged, cut short or not one of keyval.
// The message names the byte offset.
var ErrSnapshot = errors.New("snapshot is not readable")

// ErrSnapshotVersion says that a newer release wrote the snapshot.
var ErrSnapshotVersion = errors.New("snapshot was written by a newer version of keyval: upgrade this node")

// ErrReleased says that a snapshot was written after its release.
var ErrReleased = errors.New("snapshot was released")
