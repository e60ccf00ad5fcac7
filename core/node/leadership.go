package node

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/core/command"
	pb "github.com/forkbikash/keyval/core/command/commandpb"
)

// watchLeadership runs lead for as long as this node leads, each time it does.
func (n *Node) watchLeadership(changes <-chan bool) {
	newest := make(chan bool, 1)
	n.wg.Go(func() { passNewest(n.ctx, changes, newest) })
	stop := func() {}
	defer func() { stop() }()
	for {
		select {
		case leads := <-newest:
			stop()
			stop = func() {}
			if leads {
				ctx, cancel := context.WithCancel(n.ctx)
				var term sync.WaitGroup
				term.Go(func() { n.lead(ctx) })
				stop = func() { cancel(); term.Wait() }
			}
		case <-n.ctx.Done():
			return
		}
	}
}

// passNewest passes on what comes in, and of what is not taken in time only the
// newest: raft blocks on a full channel. Leadership that was lost and regained
// meanwhile is another one.
func passNewest(ctx context.Context, in <-chan bool, out chan bool) {
	for {
		select {
		case v := <-in:
			select {
			case <-out:
			default:
			}
			out <- v
		case <-ctx.Done():
			return
		}
	}
}

// reconcileInterval is how often a leader looks whether the records of members
// match Raft's configuration.
const reconcileInterval = time.Second

// lead does what a leader owes the cluster besides replication, until ctx ends
// with its leadership.
func (n *Node) lead(ctx context.Context) {
	// Everything committed in earlier terms becomes visible with the first command
	// of this one (Raft thesis section 6.4); raft's own no-op never reaches the
	// state machine.
	term, ok := n.establish(ctx)
	for !ok {
		if !sleep(ctx, n.cfg.Timing.HeartbeatTimeout/10) {
			return
		}
		term, ok = n.establish(ctx)
	}
	n.joins.start(ctx)
	defer n.joins.end()
	n.reconcile(ctx)
	now := time.Now()
	n.ledSince.Store(&now)
	n.established.Store(term)
	for sleep(ctx, reconcileInterval) {
		n.reconcile(ctx)
	}
}

// establish commits the leader's first command, and names the cluster if it has
// no name yet. It returns the term.
func (n *Node) establish(ctx context.Context) (term uint64, ok bool) {
	first := command.Noop()
	if n.state().ClusterID() == "" {
		first = command.InitCluster(n.cfg.ClusterID)
	}
	term = n.Term()
	if _, err := n.Propose(ctx, first); err != nil {
		n.log.Debug("the leader's first command was not committed", "error", err)
		return term, false
	}
	if n.Term() != term {
		return term, false // in whose term it was committed is not known
	}
	n.log.Info("leading the cluster", "term", term)
	return term, true
}

// leads waits until this node, if it leads, knows the membership: a new leader
// has not applied all that its log holds, and would take a directory that was
// wiped or removed for a member it never heard of.
func (n *Node) leads(ctx context.Context) bool {
	for n.raft.State() == raft.Leader {
		if n.established.Load() == n.Term() {
			return true
		}
		if !sleep(ctx, n.cfg.Timing.HeartbeatTimeout/50) {
			break
		}
	}
	return false
}

// reconcile repairs what a leader that crashed midway left behind, keeps this
// node's own record true, and raises the cluster's command version when every
// member can follow.
func (n *Node) reconcile(ctx context.Context) {
	if !n.lockMembership(ctx) {
		return
	}
	defer n.unlockMembership()
	servers := make(map[string]raft.Server)
	for _, s := range n.servers() {
		servers[string(s.ID)] = s
	}
	n.reconcileSelf(ctx, servers[n.cfg.ID])
	for id, s := range servers {
		// A leader that failed between the two steps of admitting it left no record.
		if s.Suffrage != raft.Voter && n.record(id) == nil {
			n.promoteInBackground(admission{s.ID, s.Address, 0})
		}
	}
	for _, m := range n.state().Members() {
		s, ok := servers[m.GetId()]
		switch {
		case !ok:
			n.tryPropose(ctx, command.RemoveMember(m.GetId(), m.GetIncarnation(), !m.GetJoining()))
		case s.Suffrage == raft.Voter && m.GetJoining():
			n.tryPropose(ctx, command.SetMember(settled(m)))
		case s.Suffrage != raft.Voter && m.GetJoining():
			n.promoteInBackground(admission{s.ID, s.Address, m.GetIncarnation()})
		}
	}
	n.raiseMinVersion(ctx, servers)
}

func (n *Node) reconcileSelf(ctx context.Context, self raft.Server) {
	if self.ID == "" {
		return // being removed
	}
	if string(self.Address) != n.cfg.RaftAddr {
		if err := n.change(n.raft.AddVoter(self.ID, raft.ServerAddress(n.cfg.RaftAddr), 0, n.changeTimeout())); err != nil {
			n.log.Warn("own new address was not recorded", "address", n.cfg.RaftAddr, "error", err)
			return
		}
	}
	if want := n.Record().record(false); !sameRecord(n.record(n.cfg.ID), want) {
		n.tryPropose(ctx, command.SetMember(want))
	}
}

func (n *Node) raiseMinVersion(ctx context.Context, servers map[string]raft.Server) {
	lowest := uint32(command.Version)
	for id := range servers {
		m := n.record(id)
		if m == nil {
			return
		}
		lowest = min(lowest, max(m.GetCommandVersion(), 1))
	}
	if lowest > n.state().MinVersion() {
		n.tryPropose(ctx, command.SetMinVersion(lowest))
	}
}

// tryPropose proposes what the next round would propose again.
func (n *Node) tryPropose(ctx context.Context, c *pb.Command) {
	if err := n.propose(ctx, c); err != nil && ctx.Err() == nil {
		n.log.Warn("a membership record was not updated", "error", err)
	}
}

// lockAsLeader is lockMembership for a request, whose node may have lost its
// leadership, or regained it, while it waited for its turn.
func (n *Node) lockAsLeader(ctx context.Context) error {
	if !n.lockMembership(ctx) {
		return fmt.Errorf("%w: another membership change is under way", ErrBusy)
	}
	switch {
	case ctx.Err() != nil:
		n.unlockMembership()
		return errEndedEarly
	case n.raft.State() != raft.Leader:
		n.unlockMembership()
		return n.notLeader()
	case n.established.Load() != n.Term():
		n.unlockMembership()
		return ErrNoLeader
	}
	return nil
}

// lockMembership waits until no other membership change is under way.
func (n *Node) lockMembership(ctx context.Context) bool {
	select {
	case n.membership <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (n *Node) unlockMembership() { <-n.membership }

// sleep waits for d and says whether ctx still holds.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
