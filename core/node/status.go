package node

import (
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/core/command"
)

// Leader is who leads, as far as this node knows; false when it knows none.
func (n *Node) Leader() (Peer, bool) {
	addr, id := n.raft.LeaderWithID()
	if id == "" {
		return Peer{}, false
	}
	return n.peer(string(id), string(addr)), true
}

// peer completes what Raft knows of a server by what the cluster recorded.
func (n *Node) peer(id, raftAddr string) Peer {
	p := Peer{ID: id, RaftAddr: raftAddr}
	if id == n.cfg.ID {
		p.HTTPAddr = n.cfg.HTTPAddr
	} else if m := n.record(id); m != nil {
		p.HTTPAddr = m.GetHttpAddr()
	}
	return p
}

// Status describes this node now.
func (n *Node) Status() Status {
	state := n.state()
	sum := state.Summary()
	s := Status{
		Self:           Peer{n.cfg.ID, n.cfg.RaftAddr, n.cfg.HTTPAddr},
		State:          strings.ToLower(n.raft.State().String()),
		Term:           n.Term(),
		CommitIndex:    n.raft.CommitIndex(),
		AppliedIndex:   sum.Index,
		Revision:       sum.Revision,
		Keys:           sum.Keys,
		Checksum:       sum.Checksum,
		ClusterID:      n.cfg.ClusterID,
		LogStore:       n.cfg.LogStoreName,
		Transport:      n.cfg.TransportName,
		CommandVersion: command.Version,
		MinVersion:     state.MinVersion(),
		CaughtUp:       n.CaughtUp(),
	}
	if leader, ok := n.Leader(); ok {
		s.Leader = &leader
	}
	return s
}

// Cluster is the membership as this node knows it. Only the leader knows when
// it last heard from the others.
func (n *Node) Cluster() Cluster {
	leader, _ := n.Leader()
	leads := n.raft.State() == raft.Leader
	c := Cluster{ClusterID: n.cfg.ClusterID, Term: n.Term(), Leader: leader.ID}
	for _, s := range n.servers() {
		m := Member{Peer: n.peer(string(s.ID), string(s.Address)), Role: RoleVoter}
		switch {
		case string(s.ID) == leader.ID:
			m.Role = RoleLeader
		case s.Suffrage != raft.Voter:
			m.Role = RoleNonvoter
		}
		if rec := n.record(m.ID); rec != nil {
			m.LogStore, m.Transport, m.Incarnation = rec.GetLogStore(), rec.GetTransport(), rec.GetIncarnation()
		}
		if leads {
			m.LastContact = n.contacts.last(s.ID).sent
			if m.ID == n.cfg.ID {
				m.LastContact = time.Now()
			}
		}
		c.Members = append(c.Members, m)
	}
	return c
}

// MarkCatchUp tells the node what the leader had committed after this node
// started. Until that is applied the node has not caught up.
func (n *Node) MarkCatchUp(commitIndex uint64) { n.catchUpTo.CompareAndSwap(0, commitIndex+1) }

// CaughtUp says whether this node has once applied all that was committed when
// it started. Before, it does not know which of the entries in its own log are
// committed, and its state may lack keys that it served before it stopped.
func (n *Node) CaughtUp() bool {
	if n.caughtUp.Load() {
		return true
	}
	target := n.catchUpTo.Load()
	if target == 0 {
		return false
	}
	if applied, _ := n.state().Index(); applied < target-1 {
		return false
	}
	n.caughtUp.Store(true)
	return true
}

// Ready lists the conditions under which the node should be given traffic.
func (n *Node) Ready() []Check {
	_, led := n.Leader()
	checks := []Check{
		check("leader", led, "no leader is known: an election is under way, or too few members are up"),
		check("member", n.votes(), "this node is not a voting member of the cluster"),
	}
	applied, _ := n.state().Index()
	reason := "no leader has told yet what is committed"
	if target := n.catchUpTo.Load(); target != 0 {
		reason = fmt.Sprintf("applied index %d of %d", applied, target-1)
	}
	checks = append(checks, check("caught_up", n.CaughtUp(), reason))
	failed := n.replica.failed.Load()
	if failed != nil {
		return append(checks, check("state", false, (*failed).Error()))
	}
	return append(checks, check("state", true, ""))
}

func check(name string, ok bool, reason string) Check {
	if ok {
		reason = ""
	}
	return Check{Name: name, OK: ok, Reason: reason}
}

func (n *Node) votes() bool {
	self, ok := n.self()
	return ok && self.Suffrage == raft.Voter
}

// Recorded says whether the cluster knows this node as it is now: as a member,
// with its addresses, its log store and its release. If not, it should ask the
// leader with [Node.Record].
func (n *Node) Recorded() bool {
	m := n.record(n.cfg.ID)
	self, ok := n.self()
	return m != nil && ok && self.Suffrage == raft.Voter && string(self.Address) == n.cfg.RaftAddr &&
		sameRecord(settled(m), n.Record().record(false))
}
