package node

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/core/command"
)

// reachTimeout is how long an admitted node may stay silent, at first or while
// it catches up, before it is removed again.
const reachTimeout = 10 * time.Second

// attempt is one node's way from nonvoter to voter.
type attempt struct {
	done chan struct{}
	err  error // valid once done is closed
}

// joins holds the attempts under way, by node id. They live as long as the
// leadership they began in; the next leader takes them up again.
type joins struct {
	mu  sync.Mutex
	ctx context.Context // nil while this node does not lead
	m   map[string]*attempt
	wg  sync.WaitGroup
}

func (j *joins) start(ctx context.Context) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.ctx, j.m = ctx, make(map[string]*attempt)
}

func (j *joins) end() {
	j.mu.Lock()
	j.ctx = nil
	j.mu.Unlock()
	j.wg.Wait()
}

// leading says whether attempts can begin.
func (j *joins) leading() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.ctx != nil
}

// leadsJoins says whether this node leads and can promote whom it admits. Raft
// makes it the leader a moment before it hears of that.
func (n *Node) leadsJoins(ctx context.Context) bool {
	for n.raft.State() == raft.Leader {
		if n.joins.leading() {
			return true
		}
		if !sleep(ctx, n.cfg.Timing.HeartbeatTimeout/50) {
			break
		}
	}
	return false
}

// promoteInBackground starts to promote the nonvoter id, unless that is under
// way already, and returns the attempt.
func (n *Node) promoteInBackground(id string, addr raft.ServerAddress) *attempt {
	j := &n.joins
	j.mu.Lock()
	defer j.mu.Unlock()
	if a, ok := j.m[id]; ok {
		return a
	}
	a := &attempt{done: make(chan struct{})}
	if j.ctx == nil {
		a.err = ErrNoLeader
		close(a.done)
		return a
	}
	ctx := j.ctx
	j.m[id] = a
	j.wg.Go(func() {
		a.err = n.promote(ctx, raft.ServerID(id), addr)
		j.mu.Lock()
		delete(j.m, id)
		j.mu.Unlock()
		close(a.done)
	})
	return a
}

// promote makes the nonvoter a voter once it has caught up, or removes it when
// it stays silent.
func (n *Node) promote(ctx context.Context, id raft.ServerID, addr raft.ServerAddress) error {
	if err := n.awaitCatchUp(ctx, id, addr); err != nil {
		return err
	}
	if !n.lockMembership(ctx) {
		return n.notLeader()
	}
	defer n.unlockMembership()
	if err := n.change(n.raft.AddVoter(id, addr, 0, n.changeTimeout())); err != nil {
		return err
	}
	n.log.Info("a node has caught up and votes", "id", id, "address", addr)
	if m := n.record(string(id)); m != nil {
		return n.propose(ctx, command.SetMember(settled(m)))
	}
	return nil
}

// awaitCatchUp follows the rounds of the Raft thesis, section 4.2.1: each round
// is what was in the log when it began, and the node has caught up when a round
// takes less than an election timeout.
func (n *Node) awaitCatchUp(ctx context.Context, id raft.ServerID, addr raft.ServerAddress) error {
	heard := time.Now()
	first := n.contacts.last(id).sent
	round, target := time.Now(), n.raft.LastIndex()
	for {
		c := n.contacts.last(id)
		if c.sent.After(first) {
			heard = later(heard, c.sent)
			if c.lastIndex >= target {
				if time.Since(round) < n.cfg.Timing.ElectionTimeout {
					return nil
				}
				round, target = time.Now(), n.raft.LastIndex()
			}
		}
		if time.Since(heard) > reachTimeout {
			return n.evict(ctx, id, addr)
		}
		if !sleep(ctx, n.cfg.Timing.HeartbeatTimeout/20) {
			return n.notLeader()
		}
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// evict removes a node that was admitted and cannot be reached.
func (n *Node) evict(ctx context.Context, id raft.ServerID, addr raft.ServerAddress) error {
	if !n.lockMembership(ctx) {
		return n.notLeader()
	}
	defer n.unlockMembership()
	n.log.Warn("removing an admitted node that cannot be reached", "id", id, "address", addr)
	incarnation := n.record(string(id)).GetIncarnation()
	if err := n.drop(ctx, string(id), incarnation, false); err != nil {
		return err
	}
	return &Refusal{RefusedUnreachable, fmt.Sprintf("node %s does not answer at its Raft address %s: is it running there, and is the address right (-raddr, -raddr-adv)?", id, addr)}
}
