package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/core/command"
	pb "github.com/forkbikash/keyval/core/command/commandpb"
)

// MaxName bounds each id, address and name in a [JoinRequest], in bytes.
const MaxName = 256

// Join admits a node to the cluster, or notes what changed about a member. It
// is idempotent. The node receives the log as a nonvoter first and is promoted
// once it has caught up; one that cannot be reached is removed again, so a wrong
// address never costs the quorum. A refusal is a *[Refusal]; other errors are
// those of [Node.Propose].
func (n *Node) Join(ctx context.Context, r JoinRequest) (JoinResult, error) {
	if !n.leads(ctx) {
		return JoinResult{}, n.notLeader()
	}
	if err := n.checkJoin(r); err != nil {
		return JoinResult{}, err
	}
	if err := n.lockAsLeader(ctx); err != nil {
		return JoinResult{}, err
	}
	attempt, err := n.admit(ctx, r)
	n.unlockMembership()
	if err != nil {
		return JoinResult{}, err
	}
	if attempt == nil {
		return JoinResult{ClusterID: n.cfg.ClusterID, Role: RoleVoter}, nil
	}
	if r.Announce {
		return JoinResult{ClusterID: n.cfg.ClusterID, Role: RoleNonvoter}, nil
	}
	select {
	case <-attempt.done:
	case <-ctx.Done():
		return JoinResult{}, fmt.Errorf("%w: node %s is admitted and still catching up", ErrUnknownOutcome, r.ID)
	}
	if attempt.err != nil {
		return JoinResult{}, attempt.err
	}
	return JoinResult{ClusterID: n.cfg.ClusterID, Role: RoleVoter}, nil
}

// checkJoin refuses what no state of the membership could allow.
func (n *Node) checkJoin(r JoinRequest) error {
	refuse := func(code RefusalCode, format string, a ...any) error {
		return &Refusal{code, fmt.Sprintf(format, a...)}
	}
	switch {
	case r.ID == "" || r.RaftAddr == "":
		return refuse(RefusedInvalid, "a join needs the node's id and its Raft address")
	case len(r.ID) > MaxName || len(r.RaftAddr) > MaxName || len(r.HTTPAddr) > MaxName:
		return refuse(RefusedInvalid, "id and addresses are at most %d bytes", MaxName)
	case r.ClusterID != "" && r.ClusterID != n.cfg.ClusterID:
		return refuse(RefusedOtherCluster, "node %s belongs to cluster %s and this is cluster %s: give it an empty data directory to join here", r.ID, r.ClusterID, n.cfg.ClusterID)
	case n.state().Removed(r.Incarnation):
		return refuse(RefusedRemoved, "node %s was removed from the cluster: give it an empty data directory to join again", r.ID)
	case max(r.CommandVersion, 1) < n.state().MinVersion():
		return refuse(RefusedTooOld, "the cluster uses command version %d and node %s knows up to %d: upgrade it", n.state().MinVersion(), r.ID, max(r.CommandVersion, 1))
	}
	mine, known := loopback(n.cfg.RaftAddr)
	theirs, knownToo := loopback(r.RaftAddr)
	if known && knownToo && mine != theirs {
		return refuse(RefusedInvalid, "Raft addresses %s (this leader) and %s (node %s) cannot reach each other: one is loopback; set -raddr or -raddr-adv", n.cfg.RaftAddr, r.RaftAddr, r.ID)
	}
	return nil
}

// admit makes r a member, at least a nonvoter, and returns the attempt that
// will promote it; nil when it votes already. Membership is locked.
func (n *Node) admit(ctx context.Context, r JoinRequest) (*attempt, error) {
	if err := n.checkJoin(r); err != nil {
		return nil, err // it was removed while this request waited for its turn
	}
	server, err := n.findServer(r)
	if err != nil {
		return nil, err
	}
	if server == nil {
		return n.add(ctx, r)
	}
	recorded := n.record(r.ID)
	incarnation := recorded.GetIncarnation()
	// Of a voter it must be known whose directory it is; it is not when somebody
	// else made the join, who could not tell.
	unknown := incarnation == 0 && (recorded != nil || server.Suffrage != raft.Voter)
	if r.Incarnation == incarnation || unknown || r.Incarnation == 0 && string(server.Address) == r.RaftAddr {
		return n.update(ctx, r, *server, recorded)
	}
	gone, err := n.gone(ctx, server.ID)
	switch {
	case err != nil:
		return nil, err
	case !gone:
		return nil, &Refusal{RefusedIDClash, fmt.Sprintf("id %s belongs to a living member at %s: choose another -id", r.ID, server.Address)}
	case r.Incarnation == 0:
		return nil, &Refusal{RefusedIDClash, fmt.Sprintf("id %s belongs to a member at %s: remove it first (DELETE /cluster/%s)", r.ID, server.Address, r.ID)}
	}
	// Another data directory under a member's id: it may have forgotten votes and
	// entries that the member had promised to keep, so it is not that member.
	n.log.Warn("replacing a member that lost its data directory", "id", r.ID, "address", r.RaftAddr)
	n.joins.cancel(server.ID)
	if err := n.drop(ctx, r.ID, incarnation, true); err != nil {
		return nil, err
	}
	attempt, err := n.add(ctx, r)
	return attempt, unknownOnceBegun(err)
}

// findServer is the server that has r's id; nil when there is none. It refuses
// a join whose addresses are another member's.
func (n *Node) findServer(r JoinRequest) (*raft.Server, error) {
	var found *raft.Server
	for _, s := range n.servers() {
		if string(s.ID) == r.ID {
			found = &s
			continue
		}
		clash := ""
		if string(s.Address) == r.RaftAddr {
			clash = r.RaftAddr
		} else if r.HTTPAddr != "" && n.peer(string(s.ID), "").HTTPAddr == r.HTTPAddr {
			clash = r.HTTPAddr
		}
		if clash != "" {
			return nil, &Refusal{RefusedAddressClash, fmt.Sprintf("address %s belongs to member %s: choose another, or remove that member first (DELETE /cluster/%s)", clash, s.ID, s.ID)}
		}
	}
	return found, nil
}

// add makes r a nonvoter and starts to promote it.
func (n *Node) add(ctx context.Context, r JoinRequest) (*attempt, error) {
	if old := n.record(r.ID); old != nil && old.GetIncarnation() != r.Incarnation {
		if err := n.propose(ctx, command.RemoveMember(r.ID, old.GetIncarnation(), !old.GetJoining())); err != nil {
			return nil, err
		}
	}
	a := admission{raft.ServerID(r.ID), raft.ServerAddress(r.RaftAddr), r.Incarnation}
	n.contacts.forget(a.id)
	if err := n.change(n.raft.AddNonvoter(a.id, a.addr, 0, n.changeTimeout())); err != nil {
		return nil, err
	}
	if err := n.propose(ctx, command.SetMember(r.record(true))); err != nil {
		return nil, unknownOnceBegun(err)
	}
	n.log.Info("admitted a node", "id", r.ID, "address", r.RaftAddr)
	return n.promoteInBackground(a), nil
}

// update notes what changed about a member that asks again: its addresses, its
// log store, its release.
func (n *Node) update(ctx context.Context, r JoinRequest, server raft.Server, recorded *pb.Member) (*attempt, error) {
	moved := string(server.Address) != r.RaftAddr
	if moved {
		alive := n.alive(ctx, server.ID)
		if ctx.Err() != nil {
			return nil, errEndedEarly
		}
		if alive {
			return nil, &Refusal{RefusedIDClash, fmt.Sprintf("member %s is alive at %s and cannot also be at %s", r.ID, server.Address, r.RaftAddr)}
		}
		n.log.Info("a member has a new address", "id", r.ID, "from", server.Address, "to", r.RaftAddr)
		move := n.raft.AddNonvoter
		if server.Suffrage == raft.Voter {
			move = n.raft.AddVoter // the same call changes a voter's address
		}
		if err := n.change(move(server.ID, raft.ServerAddress(r.RaftAddr), 0, n.changeTimeout())); err != nil {
			return nil, err
		}
	}
	want := r.merged(recorded)
	want.Joining = server.Suffrage != raft.Voter
	if !sameRecord(recorded, want) {
		if err := n.propose(ctx, command.SetMember(want)); err != nil {
			if moved {
				err = unknownOnceBegun(err)
			}
			return nil, err
		}
	}
	if server.Suffrage == raft.Voter {
		return nil, nil
	}
	return n.promoteInBackground(admission{server.ID, raft.ServerAddress(r.RaftAddr), want.GetIncarnation()}), nil
}

// drop takes a member out of Raft's configuration and then forgets its record.
// A leader that fails in between leaves the record to the next one's reconcile.
func (n *Node) drop(ctx context.Context, id string, incarnation uint64, tombstone bool) error {
	if err := n.change(n.raft.RemoveServer(raft.ServerID(id), 0, n.changeTimeout())); err != nil {
		return err
	}
	if id == n.cfg.ID {
		return nil // no longer able to propose
	}
	return unknownOnceBegun(n.propose(ctx, command.RemoveMember(id, incarnation, tombstone)))
}

// unknownOnceBegun is the error of a change whose first step is committed. What
// stopped the second may say that nothing was proposed, and something was: the
// next reconciliation goes on from there.
func unknownOnceBegun(err error) error {
	var refused *Refusal
	if err == nil || errors.Is(err, ErrUnknownOutcome) || errors.As(err, &refused) {
		return err
	}
	return fmt.Errorf("%w: the change was begun: %s", ErrUnknownOutcome, err)
}

// errEndedEarly is for a request that ended before its change was begun.
var errEndedEarly = fmt.Errorf("%w: the request ended before the change was begun", ErrBusy)

// gone says whether the member has been silent for so long that another
// directory may take its id: a stall of a moment must not cost a member its
// place. It waits for whichever comes first, a sign of life from now on or the
// end of that time. Silence before the request counts too, so asking again helps.
func (n *Node) gone(ctx context.Context, id raft.ServerID) (bool, error) {
	patience := max(3*time.Second, 3*n.cfg.Timing.HeartbeatTimeout)
	asked := time.Now()
	for id != n.raftID() {
		heard := n.contacts.last(id).sent
		if heard.After(asked) {
			break
		}
		if time.Since(later(heard, *n.ledSince.Load())) >= patience {
			return true, nil
		}
		if !sleep(ctx, n.cfg.Timing.HeartbeatTimeout/50) {
			return false, errEndedEarly
		}
	}
	return false, nil
}

// alive says whether the member acknowledges a request sent from now on.
// Heartbeats leave several times in each heartbeat timeout, so one timeout
// decides. Once ctx has ended it says yes, for nothing is known.
func (n *Node) alive(ctx context.Context, id raft.ServerID) bool {
	if id == n.raftID() {
		return true
	}
	asked := time.Now()
	for time.Since(asked) < n.cfg.Timing.HeartbeatTimeout {
		if n.contacts.last(id).sent.After(asked) {
			return true
		}
		if !sleep(ctx, n.cfg.Timing.HeartbeatTimeout/50) {
			return true // not known to be dead
		}
	}
	return false
}

// propose is Propose for a command that has no result but its error.
func (n *Node) propose(ctx context.Context, c *pb.Command) error {
	result, err := n.Propose(ctx, c)
	if err != nil {
		return err
	}
	return result.Err
}

// changeTimeout bounds the wait for a configuration change to be taken up.
func (n *Node) changeTimeout() time.Duration { return 5 * n.cfg.Timing.ElectionTimeout }

// change waits for a configuration change to commit.
func (n *Node) change(f raft.IndexFuture) error {
	err := wait(f, 2*n.changeTimeout())
	if err == nil {
		return nil
	}
	return n.proposalError(err)
}
