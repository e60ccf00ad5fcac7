package node

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/core/command"
)

func TestKilledLeaderIsReplaced(t *testing.T) {
	for _, size := range []int{3, 5} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			bubble(t, func(t *testing.T, net *network) {
				nodes := net.cluster(size)
				net.put(net.leader(), "k0", "v")
				for _, n := range nodes {
					net.awaitKey(n, "k0", "v")
				}
				var dead []*testNode
				for i := range (size - 1) / 2 {
					l := net.leader()
					net.kill(l)
					dead = append(dead, l)
					for _, n := range nodes {
						if n.up && string(n.Get([]byte("k0")).Value) != "v" {
							t.Errorf("%s cannot read k0 while there is no leader", n.ID())
						}
					}
					net.put(net.leader(), fmt.Sprintf("k%d", i+1), "v")
				}
				for _, d := range dead {
					back := net.start(d.cfg)
					net.awaitKey(back, fmt.Sprintf("k%d", len(dead)), "v")
				}
			})
		})
	}
}

func TestTheOnlyVoterLeadsAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, net *network) {
		cfg := net.config("n0")
		cfg.Bootstrap = true
		for range 2 { // founding, and coming back
			began := time.Now()
			n := net.start(cfg)
			net.leader()
			if took := time.Since(began); took >= n.raft.ReloadableConfig().HeartbeatTimeout {
				t.Errorf("leading took %v of virtual time", took)
			}
			if got := n.raft.ReloadableConfig().HeartbeatTimeout; got != time.Second {
				t.Errorf("the heartbeat timeout is %v, want %v", got, time.Second)
			}
			net.kill(n)
			cfg.Bootstrap = false
		}
	})
}

// What was in flight when the leader lost its majority is not known to have
// failed; what comes later certainly was not proposed.
func TestMinorityRefusesWrites(t *testing.T) {
	bubble(t, func(t *testing.T, net *network) {
		net.cluster(3)
		leader := net.leader()
		net.put(leader, "k", "v")
		net.isolate(leader)
		write := command.Write(command.Put([]byte("k"), []byte("lost?")))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := leader.Propose(ctx, write); !errors.Is(err, ErrUnknownOutcome) {
			t.Errorf("in flight: got %v, want %v", err, ErrUnknownOutcome)
		}
		net.await("the lease to end", func() bool { _, led := leader.Leader(); return !led })
		if _, err := leader.Propose(ctx, write); !errors.Is(err, ErrNoLeader) {
			t.Errorf("leaderless: got %v, want %v", err, ErrNoLeader)
		}
		if got := leader.Get([]byte("k")); string(got.Value) != "v" {
			t.Errorf("stale read: got %q, want %q", got.Value, "v")
		}
		ready := true
		for _, c := range leader.Ready() {
			ready = ready && c.OK
		}
		if ready {
			t.Error("a node without a leader is ready")
		}
		net.heal(leader)
		net.put(net.leader(), "k", "healed")
		net.awaitKey(leader, "k", "healed")
	})
}

func TestProposeOnAFollowerNamesTheLeader(t *testing.T) {
	bubble(t, func(t *testing.T, net *network) {
		nodes := net.cluster(3)
		net.await("the leader's address", func() bool {
			l, _ := nodes[1].Leader()
			return l.HTTPAddr != ""
		})
		_, err := nodes[1].Propose(t.Context(), command.Noop())
		var not *NotLeaderError
		if !errors.As(err, &not) || not.Leader != (Peer{"n0", "raft-n0", "http-n0"}) {
			t.Errorf("got %v, want a NotLeaderError that names n0", err)
		}
	})
}

func TestTimeoutLeavesTheOutcomeUnknown(t *testing.T) {
	bubble(t, func(t *testing.T, net *network) {
		net.cluster(3)
		leader := net.leader()
		net.isolate(leader)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, err := leader.Propose(ctx, command.Noop()); !errors.Is(err, ErrUnknownOutcome) {
			t.Errorf("got %v, want %v", err, ErrUnknownOutcome)
		}
	})
}

// The state that was committed before a restart is visible on the new leader
// once it leads, without any write.
func TestRestartedClusterShowsWhatWasCommitted(t *testing.T) {
	bubble(t, func(_ *testing.T, net *network) {
		nodes := net.cluster(3)
		net.put(net.leader(), "k", "v")
		for _, n := range nodes {
			net.kill(n)
		}
		alone := net.start(nodes[0].cfg)
		time.Sleep(time.Minute)
		if alone.CaughtUp() {
			t.Error("a node that heard of no leader knows what is committed")
		}
		for _, n := range nodes[1:] {
			net.start(n.cfg)
		}
		leader := net.leader()
		net.awaitKey(leader, "k", "v")
		net.await("readiness", func() bool {
			for _, c := range leader.Ready() {
				if !c.OK {
					return false
				}
			}
			return true
		})
		for _, n := range net.nodes {
			n.MarkCatchUp(leader.Status().AppliedIndex)
			net.awaitKey(n, "k", "v")
		}
	})
}

func TestFollowerInstallsASnapshot(t *testing.T) {
	bubble(t, func(t *testing.T, net *network) {
		cfg := net.config("n0")
		cfg.Bootstrap, cfg.Timing.TrailingLogs = true, 1
		leader := net.start(cfg)
		net.leader()
		for i := range 100 {
			net.put(leader, fmt.Sprintf("k%d", i), "v")
		}
		if err := leader.raft.Snapshot().Error(); err != nil {
			t.Fatal(err)
		}
		first, err := leader.cfg.Store.FirstIndex()
		if err != nil || first < 50 {
			t.Fatalf("the log begins at %d (%v): nothing was cut off", first, err)
		}
		n := net.join(net.config("n1"))
		net.awaitKey(n, "k99", "v")
		if got, want := n.Status().Keys, leader.Status().Keys; got != want {
			t.Errorf("%d keys, want %d", got, want)
		}
	})
}

// An entry that this release cannot read stops the node: to go on without it
// would make it differ from the others.
func TestUnreadableEntryStopsTheNode(t *testing.T) {
	bubble(t, func(t *testing.T, net *network) {
		n := net.found()
		net.put(n, "k", "v")
		if err := n.raft.Apply([]byte{command.Version + 1}, 0).Error(); err != nil {
			t.Fatal(err)
		}
		if fails := n.failures(); len(fails) != 1 || !errors.Is(fails[0], command.ErrUnknownVersion) {
			t.Errorf("OnFail was told %v, want %v once", fails, command.ErrUnknownVersion)
		}
		before, _ := n.state().Index()
		_, err := n.Propose(t.Context(), command.Write(command.Put([]byte("k"), []byte("after"))))
		if !errors.Is(err, ErrUnknownOutcome) {
			t.Errorf("a write after it: got %v, want %v", err, ErrUnknownOutcome)
		}
		if after, _ := n.state().Index(); after != before || string(n.Get([]byte("k")).Value) != "v" {
			t.Errorf("applied up to %d after the node had failed at %d", after, before)
		}
		if _, err := n.replica.Snapshot(); err == nil {
			t.Error("a failed node took a snapshot")
		}
	})
}

func TestStateOfAnotherClusterStopsTheNode(t *testing.T) {
	bubble(t, func(_ *testing.T, net *network) {
		n := net.found()
		net.put(n, "k", "v")
		net.kill(n)
		mixed := n.cfg
		mixed.ClusterID = "cluster-2"
		other := net.start(mixed)
		net.await("the failure", func() bool { return len(other.failures()) == 1 })
	})
}

func TestClosedNodeRefuses(t *testing.T) {
	bubble(t, func(t *testing.T, net *network) {
		nodes := net.cluster(3)
		leader := net.leader()
		if err := leader.Close(); err != nil {
			t.Fatal(err)
		}
		leader.up = false
		if err := leader.Close(); err != nil {
			t.Errorf("second Close: %v", err)
		}
		if _, err := leader.Propose(t.Context(), command.Noop()); err == nil {
			t.Error("a closed node took a proposal")
		}
		// Leadership was handed over: nobody had to wait for a timeout.
		synctest.Wait()
		led := 0
		for _, n := range nodes {
			if n.up && n.raft.State() == raft.Leader {
				led++
			}
		}
		if led != 1 {
			t.Errorf("%d leaders right after the old one closed, want 1", led)
		}
	})
}
