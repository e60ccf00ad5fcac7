package node

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

func TestJoinedNodesReplicate(t *testing.T) {
	bubble(t, func(t *testing.T, net *network) {
		nodes := net.cluster(3)
		net.put(net.leader(), "user1", "batman")
		for _, n := range nodes {
			net.awaitKey(n, "user1", "batman")
		}
		if got, want := net.roles(), "[n0:leader n1:voter n2:voter]"; got != want {
			t.Errorf("members are %s, want %s", got, want)
		}
		for _, n := range nodes {
			net.await("the record of "+n.ID(), n.Recorded)
			net.await("the leader's HTTP address on "+n.ID(), func() bool {
				l, ok := n.Leader()
				return ok && l.HTTPAddr == "http-n0"
			})
		}
		sums := map[uint64]bool{}
		for _, n := range nodes {
			sums[n.Status().Checksum] = true
		}
		if len(sums) != 1 {
			t.Errorf("states differ: checksums %v", sums)
		}
	})
}

func TestJoinIsIdempotent(t *testing.T) {
	bubble(t, func(t *testing.T, net *network) {
		nodes := net.cluster(3)
		before := net.leader().raft.LastIndex()
		for _, n := range nodes {
			r, err := net.nodes["raft-n0"].Join(t.Context(), n.Record())
			if err != nil || r.Role != RoleVoter || r.ClusterID != testCluster {
				t.Errorf("joining %s again: %+v, %v", n.ID(), r, err)
			}
		}
		// The leader() above proposed nothing after before was read.
		if after := nodes[0].raft.LastIndex(); after != before {
			t.Errorf("joining again wrote entries %d to %d", before+1, after)
		}
	})
}

func TestJoinRefusals(t *testing.T) {
	base := JoinRequest{Peer: Peer{"n9", "raft-n9", "http-n9"}, Incarnation: 9}
	tests := []struct {
		name   string
		change func(r *JoinRequest)
		code   RefusalCode
		names  string // what the message must name
	}{
		{"no id", func(r *JoinRequest) { r.ID = "" }, RefusedInvalid, "id"},
		{"no address", func(r *JoinRequest) { r.RaftAddr = "" }, RefusedInvalid, "address"},
		{"long id", func(r *JoinRequest) { r.ID = strings.Repeat("x", MaxName+1) }, RefusedInvalid, "256"},
		{"other cluster", func(r *JoinRequest) { r.ClusterID = "cluster-2" }, RefusedOtherCluster, "cluster-2"},
		{"living member's id", func(r *JoinRequest) { r.ID = "n1" }, RefusedIDClash, "-id"},
		{"leader's id", func(r *JoinRequest) { r.ID = "n0" }, RefusedIDClash, "-id"},
		{"living member's id and no incarnation", func(r *JoinRequest) { r.ID, r.Incarnation = "n1", 0 }, RefusedIDClash, "n1"},
		{"living member's incarnation at another address", func(r *JoinRequest) { r.ID, r.Incarnation = "n1", 2 }, RefusedIDClash, "raft-n1"},
		{"member's Raft address", func(r *JoinRequest) { r.RaftAddr = "raft-n1" }, RefusedAddressClash, "DELETE /cluster/n1"},
		{"member's HTTP address", func(r *JoinRequest) { r.HTTPAddr = "http-n1" }, RefusedAddressClash, "http-n1"},
		{"nobody there", func(*JoinRequest) {}, RefusedUnreachable, "-raddr"},
	}
	bubble(t, func(t *testing.T, net *network) {
		net.cluster(2)
		for _, tt := range tests {
			r := base
			tt.change(&r)
			leader := net.leader()
			_, err := leader.Join(t.Context(), r)
			var refused *Refusal
			if !errors.As(err, &refused) || refused.Code != tt.code || !strings.Contains(err.Error(), tt.names) {
				t.Errorf("%s: got %v, want a refusal %s that names %q", tt.name, err, tt.code, tt.names)
			}
			if got, want := net.roles(), "[n0:leader n1:voter]"; got != want {
				t.Errorf("%s: members are %s, want %s", tt.name, got, want)
			}
			if m := leader.record("n9"); m != nil {
				t.Errorf("%s: left the record %v", tt.name, m)
			}
		}
	})
}

func TestLoopbackAddressIsRefusedTowardRemotePeers(t *testing.T) {
	for _, tt := range []struct{ leader, joiner string }{
		{"10.0.0.1:12000", "localhost:12001"},
		{"127.0.0.1:12000", "10.0.0.2:12000"},
	} {
		bubble(t, func(t *testing.T, net *network) {
			cfg := net.config("n0")
			cfg.RaftAddr, cfg.Bootstrap = tt.leader, true
			net.start(cfg)
			_, err := net.leader().Join(t.Context(), JoinRequest{Peer: Peer{ID: "n1", RaftAddr: tt.joiner}})
			var refused *Refusal
			if !errors.As(err, &refused) || refused.Code != RefusedInvalid || !strings.Contains(err.Error(), "-raddr-adv") {
				t.Errorf("%s joins %s: got %v", tt.joiner, tt.leader, err)
			}
		})
	}
}

func TestUnreachableJoinLeavesTheQuorum(t *testing.T) {
	bubble(t, func(t *testing.T, net *network) {
		net.found()
		r := JoinRequest{Peer: Peer{ID: "n1", RaftAddr: "nobody"}, Announce: true}
		if _, err := net.leader().Join(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		net.put(net.leader(), "k", "while it is admitted")
		net.await("its removal", func() bool { return net.roles() == "[n0:leader]" })
		net.put(net.leader(), "k", "after")
	})
}

// A wiped directory must not vote or acknowledge as the member it was.
func TestWipedNodeIsReplaced(t *testing.T) {
	bubble(t, func(t *testing.T, net *network) {
		nodes := net.cluster(3)
		net.put(net.leader(), "k", "v")
		net.kill(nodes[2])
		wiped := net.config("n2")
		wiped.Incarnation = 77
		n := net.join(wiped)
		net.awaitKey(n, "k", "v")
		leader := net.leader()
		if m := leader.record("n2"); m.GetIncarnation() != 77 {
			t.Errorf("the record is %v, want incarnation 77", m)
		}
		if !leader.state().Removed(3) {
			t.Error("the old incarnation is not known as removed")
		}
		_, err := leader.Join(t.Context(), nodes[2].cfg.Record())
		var refused *Refusal
		if !errors.As(err, &refused) || refused.Code != RefusedRemoved {
			t.Errorf("the old directory came back: %v", err)
		}
	})
}

func TestAddressChangeIsAccepted(t *testing.T) {
	bubble(t, func(t *testing.T, net *network) {
		nodes := net.cluster(3)
		net.kill(nodes[1])
		moved := nodes[1].cfg
		moved.RaftAddr, moved.HTTPAddr = "raft-elsewhere", "http-elsewhere"
		n := net.start(moved)
		if _, err := net.leader().Join(t.Context(), n.Record()); err != nil {
			t.Fatal(err)
		}
		net.put(net.leader(), "k", "v")
		net.awaitKey(n, "k", "v")
		net.await("the record", n.Recorded)
		if got, want := net.roles(), "[n0:leader n1:voter n2:voter]"; got != want {
			t.Errorf("members are %s, want %s", got, want)
		}
	})
}

func TestAnnouncedNodeSurvivesALeaderChange(t *testing.T) {
	bubble(t, func(t *testing.T, net *network) {
		net.cluster(3)
		old := net.leader()
		cfg := net.config("n3")
		r := cfg.Record()
		r.Announce = true
		if _, err := old.Join(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		net.kill(old)
		net.start(cfg)
		net.await("the promotion by the next leader", func() bool {
			return strings.Contains(net.roles(), "n3:voter")
		})
	})
}

// The leader fails right after a promotion that one voter has not received: the
// promoted node has the newer log, and that voter does not know that it votes.
func TestPromotionThatOneVoterMissedDoesNotWedgeTheCluster(t *testing.T) {
	bubble(t, func(t *testing.T, net *network) {
		nodes := net.cluster(2)
		cfg := net.config("n2")
		r := cfg.Record()
		r.Announce = true
		leader := net.leader()
		if _, err := leader.Join(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		// Before the leader's lease ends, so that it goes on without n1.
		net.isolate(nodes[1])
		promoted := net.start(cfg)
		nodes[1].trans.DisconnectAll()
		promoted.trans.Disconnect(nodes[1].trans.LocalAddr())
		net.await("the promotion", func() bool {
			for _, s := range leader.servers() {
				if s.ID == "n2" && s.Suffrage == raft.Voter {
					return true
				}
			}
			return false
		})
		net.await("the promoted node to have it", func() bool { return promoted.votes() })
		if slices.ContainsFunc(nodes[1].servers(), func(s raft.Server) bool { return s.ID == "n2" && s.Suffrage == raft.Voter }) {
			t.Fatal("the isolated voter received the change: this tests nothing")
		}
		net.kill(leader)
		net.heal(nodes[1])
		net.put(net.leader(), "k", "v")
	})
}

func TestRemove(t *testing.T) {
	refused := func(t *testing.T, err error, code RefusalCode) {
		t.Helper()
		var r *Refusal
		if !errors.As(err, &r) || r.Code != code {
			t.Errorf("got %v, want a refusal %s", err, code)
		}
	}
	bubble(t, func(t *testing.T, net *network) {
		nodes := net.cluster(3)
		refused(t, net.leader().Remove(t.Context(), "nobody", false), RefusedNotMember)

		// n2 is dead: without n1, one of two would be left.
		net.kill(nodes[2])
		refused(t, net.leader().Remove(t.Context(), "n1", false), RefusedQuorum)
		if err := net.leader().Remove(t.Context(), "n2", false); err != nil {
			t.Fatalf("removing the dead node: %v", err)
		}
		if got, want := net.roles(), "[n0:leader n1:voter]"; got != want {
			t.Errorf("members are %s, want %s", got, want)
		}
		if !net.leader().state().Removed(3) {
			t.Error("the removed directory could come back")
		}

		// The leader itself.
		if err := net.leader().Remove(t.Context(), "n0", false); err != nil {
			t.Fatalf("removing the leader: %v", err)
		}
		select {
		case <-nodes[0].Removed():
		case <-time.After(time.Minute):
			t.Error("the removed leader was not told")
		}
		net.kill(nodes[0])
		net.await("the next leader to forget it", func() bool {
			l := net.leader()
			return l.state().Removed(1) && l.record("n0") == nil
		})
		refused(t, net.leader().Remove(t.Context(), "n1", true), RefusedLastVoter)
	})
}

func TestAStrandedRecordIsDropped(t *testing.T) {
	bubble(t, func(t *testing.T, net *network) {
		net.cluster(3)
		leader := net.leader()
		// As if a leader had crashed between the two steps of a removal.
		if err := leader.change(leader.raft.RemoveServer(raft.ServerID("n2"), 0, 0)); err != nil {
			t.Fatal(err)
		}
		net.await("reconciliation", func() bool { return leader.record("n2") == nil })
		if !leader.state().Removed(3) {
			t.Error("the removal was forgotten")
		}
	})
}
