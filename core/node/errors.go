package node

import (
	"errors"
	"fmt"
)

var (
	// ErrNoLeader says that the request was certainly not proposed, and that no
	// leader is known: try again soon, or at another node.
	ErrNoLeader = errors.New("the cluster has no leader")

	// ErrUnknownOutcome says that the request was proposed and its fate is not
	// known: it may have been applied, may be applied later, or never.
	ErrUnknownOutcome = errors.New("the outcome of the request is unknown")

	// ErrBusy says that the node is overloaded: the request's time ran out before
	// it could be proposed, and it certainly was not.
	ErrBusy = errors.New("the node is overloaded")

	// ErrClosed says that the node is shutting down; nothing was proposed.
	ErrClosed = errors.New("the node is shutting down")
)

// NotLeaderError says that the request was certainly not proposed because
// another node leads.
type NotLeaderError struct {
	Leader Peer
}

func (e *NotLeaderError) Error() string {
	return fmt.Sprintf("this node is not the leader: %s at %s is", e.Leader.ID, e.Leader.HTTPAddr)
}

// A Refusal says why the leader did not change the membership as asked.
// Nothing was changed.
type Refusal struct {
	Code   RefusalCode
	Detail string
}

func (e *Refusal) Error() string { return e.Detail }

// RefusalCode names a kind of [Refusal]. The values are stable: clients see
// them.
type RefusalCode string

const (
	// RefusedInvalid is a request that no cluster could accept.
	RefusedInvalid RefusalCode = "invalid_join"
	// RefusedIDClash is a join under the id of a living member.
	RefusedIDClash RefusalCode = "id_clash"
	// RefusedAddressClash is a join with another member's address.
	RefusedAddressClash RefusalCode = "address_clash"
	// RefusedOtherCluster is a join by a node that belongs to another cluster.
	RefusedOtherCluster RefusalCode = "other_cluster"
	// RefusedUnreachable is a join with an address that the leader cannot reach.
	RefusedUnreachable RefusalCode = "unreachable"
	// RefusedRemoved is a join by a node that was removed from the cluster.
	RefusedRemoved RefusalCode = "removed"
	// RefusedTooOld is a join by a node that cannot apply the cluster's commands.
	RefusedTooOld RefusalCode = "too_old"
	// RefusedNotMember is the removal of an id that is not a member.
	RefusedNotMember RefusalCode = "not_a_member"
	// RefusedQuorum is a removal that would cost the quorum.
	RefusedQuorum RefusalCode = "would_lose_quorum"
	// RefusedLastVoter is the removal of the only voter, forced or not.
	RefusedLastVoter RefusalCode = "last_voter"
)
