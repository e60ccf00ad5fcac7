package node

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/raft"
)

// Remove takes a member out of the cluster for good: its data directory cannot
// come back. It refuses, with a *[Refusal], what would leave too few living
// voters to commit anything, unless forced; the only voter is never removed.
// Other errors are those of [Node.Propose].
func (n *Node) Remove(ctx context.Context, id string, force bool) error {
	if !n.leads(ctx) {
		return n.notLeader()
	}
	if err := n.lockAsLeader(ctx); err != nil {
		return err
	}
	defer n.unlockMembership()
	var voters []raft.ServerID
	var found *raft.Server
	for _, s := range n.servers() {
		if string(s.ID) == id {
			found = &s
		} else if s.Suffrage == raft.Voter {
			voters = append(voters, s.ID)
		}
	}
	if found == nil {
		return &Refusal{RefusedNotMember, fmt.Sprintf("no member has the id %s: GET /cluster lists them", id)}
	}
	if found.Suffrage == raft.Voter {
		if len(voters) == 0 {
			return &Refusal{RefusedLastVoter, fmt.Sprintf("%s is the only voter: without it there is no cluster", id)}
		}
		if !force {
			if err := n.keepsQuorum(ctx, id, voters); err != nil {
				return err
			}
		}
	}
	if ctx.Err() != nil { // and so nobody was waited for who might be dead
		return errEndedEarly
	}
	n.joins.cancel(found.ID)
	incarnation := n.record(id).GetIncarnation()
	n.log.Info("removing a member", "id", id, "address", found.Address, "forced", force)
	if err := n.drop(ctx, id, incarnation, true); err != nil {
		return err
	}
	if id == n.cfg.ID {
		n.MarkRemoved()
	}
	return nil
}

// keepsQuorum says whether enough of the voters that would remain answer now.
func (n *Node) keepsQuorum(ctx context.Context, id string, voters []raft.ServerID) error {
	var mu sync.Mutex
	var alive []raft.ServerID
	var asking sync.WaitGroup
	for _, v := range voters {
		asking.Go(func() {
			if n.alive(ctx, v) {
				mu.Lock()
				defer mu.Unlock()
				alive = append(alive, v)
			}
		})
	}
	asking.Wait()
	if need := len(voters)/2 + 1; len(alive) < need {
		slices.Sort(alive)
		return &Refusal{RefusedQuorum, fmt.Sprintf("without %s the cluster would have %d voters, needs %d of them and only %d answer (%s): remove or restart the dead ones first, or force it",
			id, len(voters), need, len(alive), names(alive))}
	}
	return nil
}

func names(ids []raft.ServerID) string {
	all := make([]string, len(ids))
	for i, id := range ids {
		all[i] = string(id)
	}
	return strings.Join(all, ", ")
}
