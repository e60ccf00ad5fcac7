package node

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/core/command"
)

// reachTimeout is how long an admitted node may stay silent, at first or while
// it catches up, before it is removed again.
const reachTimeout = 10 * time.Second

// promote makes the nonvoter a voter once it has caught up, or removes it when
// it stays silent.
func (n *Node) promote(ctx context.Context, a admission) error {
	silent, err := n.awaitCatchUp(ctx, a)
	if err != nil {
		return err
	}
	if !n.lockMembership(ctx) {
		return a.interrupted()
	}
	defer n.unlockMembership()
	// It may have been removed, or have moved, while this waited for its turn.
	recorded := n.record(string(a.id))
	if !n.holds(a, recorded.GetIncarnation()) {
		return a.interrupted()
	}
	if silent {
		return n.evict(ctx, a)
	}
	if recorded == nil {
		return a.interrupted() // nobody knows whose directory votes there
	}
	if err := n.change(n.raft.AddVoter(a.id, a.addr, 0, n.changeTimeout())); err != nil {
		return unknownOnceBegun(err)
	}
	n.log.Info("a node has caught up and votes", "id", a.id, "address", a.addr)
	return unknownOnceBegun(n.propose(ctx, command.SetMember(settled(recorded))))
}

// holds says whether a's node is still the nonvoter that was admitted.
// Membership is locked.
func (n *Node) holds(a admission, incarnation uint64) bool {
	for _, s := range n.servers() {
		if s.ID == a.id {
			return s.Suffrage != raft.Voter && s.Address == a.addr && incarnation == a.incarnation
		}
	}
	return false
}

// awaitCatchUp follows the rounds of the Raft thesis, section 4.2.1: each round
// is what was in the log when it began, and the node has caught up when a round
// takes less than an election timeout. It also ends with a node that is silent.
func (n *Node) awaitCatchUp(ctx context.Context, a admission) (silent bool, err error) {
	heard := time.Now()
	first := n.contacts.last(a.id).sent
	round, target := time.Now(), n.raft.LastIndex()
	for {
		c := n.contacts.last(a.id)
		if c.sent.After(first) {
			heard = later(heard, c.sent)
			if c.matched && c.lastIndex >= target {
				if time.Since(round) < n.cfg.Timing.ElectionTimeout {
					return false, nil
				}
				round, target = time.Now(), n.raft.LastIndex()
			}
		}
		if time.Since(heard) > reachTimeout {
			return true, nil
		}
		if !sleep(ctx, n.cfg.Timing.HeartbeatTimeout/20) {
			return false, a.interrupted()
		}
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// evict removes a node that was admitted and cannot be reached. Membership is
// locked.
func (n *Node) evict(ctx context.Context, a admission) error {
	n.log.Warn("removing an admitted node that cannot be reached", "id", a.id, "address", a.addr)
	if err := n.drop(ctx, string(a.id), a.incarnation, false); err != nil {
		return unknownOnceBegun(err)
	}
	return &Refusal{RefusedUnreachable, fmt.Sprintf("node %s does not answer at its Raft address %s: is it running there, and is the address right (-raddr, -raddr-adv)?", a.id, a.addr)}
}
