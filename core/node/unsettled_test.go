package node

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/core/command"
)

// Membership is asked to change while something else is still under way.

// slowStore takes its time over each write.
type slowStore struct {
	Store
	delay time.Duration
}

func (s slowStore) StoreLog(l *raft.Log) error {
	time.Sleep(s.delay)
	return s.Store.StoreLog(l)
}

func (s slowStore) StoreLogs(l []*raft.Log) error {
	time.Sleep(s.delay)
	return s.Store.StoreLogs(l)
}

// freshLeader kills all, starts some again on slow disks, and returns the one
// that leads, before it can have committed anything.
func (net *network) freshLeader(nodes ...*testNode) *testNode {
	net.t.Helper()
	for _, n := range net.nodes {
		if n.up {
			net.kill(n)
		}
	}
	for _, n := range nodes {
		cfg := n.cfg
		cfg.Store = slowStore{cfg.Store, 100 * time.Millisecond}
		net.start(cfg)
	}
	for {
		for _, n := range net.nodes {
			if n.up && n.raft.State() == raft.Leader {
				return n
			}
		}
		time.Sleep(time.Millisecond)
	}
}

// What a new leader has not applied yet it must not take for something that
// never was.
func TestWipedNodeAsksALeaderThatWasJustElected(t *testing.T) {
	bubble(t, func(t *testing.T, net *network) {
		nodes := net.cluster(3)
		net.put(net.leader(), "k", "v")
		leader := net.freshLeader(nodes[:2]...)
		wiped := net.config("n2")
		wiped.Incarnation = 77
		r := wiped.Record()
		r.Announce = true
		answer, err := leader.Join(t.Context(), r)
		if err != nil || answer.Role != RoleNonvoter {
			t.Errorf("got %+v, %v; want a nonvoter", answer, err)
		}
		if !leader.state().Removed(3) {
			t.Error("the old incarnation is not known as removed")
		}
	})
}

func TestRemovedNodeAsksALeaderThatWasJustElected(t *testing.T) {
	bubble(t, func(t *testing.T, net *network) {
		nodes := net.cluster(3)
		if err := net.leader().Remove(t.Context(), "n2", false); err != nil {
			t.Fatal(err)
		}
		_, err := net.freshLeader(nodes[:2]...).Join(t.Context(), nodes[2].cfg.Record())
		var refused *Refusal
		if !errors.As(err, &refused) || refused.Code != RefusedRemoved {
			t.Errorf("got %v, want a refusal %s", err, RefusedRemoved)
		}
		if got := net.roles(); strings.Contains(got, "n2") {
			t.Errorf("members are %s, want no n2", got)
		}
	})
}

// Whoever asked for a removal and did not wait cost nobody the quorum.
func TestRemovalWhoseRequestEnds(t *testing.T) {
	bubble(t, func(t *testing.T, net *network) {
		nodes := net.cluster(3)
		leader := net.leader()
		net.kill(nodes[2])
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		for _, force := range []bool{false, true} {
			if err := leader.Remove(ctx, "n1", force); !errors.Is(err, ErrBusy) {
				t.Errorf("forced %t: got %v, want %v", force, err, ErrBusy)
			}
		}
		net.put(leader, "k", "v")
		if got, want := net.roles(), "[n0:leader n1:voter n2:voter]"; got != want {
			t.Errorf("members are %s, want %s", got, want)
		}
	})
}

// A node that asks with a wrong address and again with the right one is made a
// voter at the right one.
func TestAddressIsCorrectedDuringAJoin(t *testing.T) {
	for _, incarnation := range []uint64{2, 99} { // the same directory, or another
		t.Run(fmt.Sprint(incarnation), func(t *testing.T) {
			bubble(t, func(t *testing.T, net *network) {
				leader := net.found()
				cfg := net.config("n1")
				wrong := cfg.Record()
				wrong.RaftAddr, wrong.Announce = "raft-wrong", true
				if _, err := leader.Join(t.Context(), wrong); err != nil {
					t.Fatal(err)
				}
				time.Sleep(3 * time.Second)
				cfg.Incarnation = incarnation
				net.join(cfg)
				time.Sleep(time.Minute)
				net.put(leader, "k", "v")
				for _, s := range leader.servers() {
					if s.ID == "n1" && s.Address != "raft-n1" {
						t.Errorf("n1 votes at %s", s.Address)
					}
				}
			})
		})
	}
}

func TestRemovalWhileAPromotionIsDue(t *testing.T) {
	bubble(t, func(t *testing.T, net *network) {
		net.cluster(3)
		leader := net.leader()
		cfg := net.config("n3")
		r := cfg.Record()
		r.Announce = true
		if _, err := leader.Join(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		// Another change holds the membership until n3 has caught up, so that its
		// promotion and its removal both wait for their turn.
		leader.lockMembership(t.Context())
		net.start(cfg)
		removed := make(chan error, 1)
		go func() { removed <- leader.Remove(t.Context(), "n3", false) }()
		time.Sleep(3 * time.Second)
		leader.unlockMembership()
		if err := <-removed; err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if got, want := net.roles(), "[n0:leader n1:voter n2:voter]"; got != want {
			t.Errorf("members are %s, want %s", got, want)
		}
	})
}

// Whoever asks for the place of a silent member, each time too briefly to wait
// for its silence, gets it all the same.
func TestWipedNodeAsksAgainAndAgain(t *testing.T) {
	bubble(t, func(t *testing.T, net *network) {
		nodes := net.cluster(3)
		leader := net.leader()
		net.kill(nodes[2])
		r := nodes[2].cfg.Record()
		r.Incarnation, r.Announce = 77, true
		net.await("its admission", func() bool {
			ctx, cancel := context.WithTimeout(t.Context(), leader.Node.cfg.Timing.HeartbeatTimeout/4)
			defer cancel()
			_, err := leader.Join(ctx, r)
			if err != nil && !errors.Is(err, ErrBusy) {
				t.Fatal(err)
			}
			return err == nil
		})
		if !leader.state().Removed(3) {
			t.Error("the old incarnation is not known as removed")
		}
	})
}

// A request that waited for its turn acts only for a leader that knows the
// membership, and only while somebody waits for it.
func TestTurnThatComesTooLate(t *testing.T) {
	bubble(t, func(t *testing.T, net *network) {
		net.cluster(3)
		leader := net.leader()
		net.await("the leader to know the membership", func() bool { return leader.leads(t.Context()) })

		ended, cancel := context.WithCancel(t.Context())
		cancel()
		for range 20 { // a select may choose either
			if err := leader.lockAsLeader(ended); !errors.Is(err, ErrBusy) {
				t.Fatalf("after the request ended: got %v, want %v", err, ErrBusy)
			}
		}
		leader.established.Add(^uint64(0)) // as if it had regained its leadership
		if err := leader.lockAsLeader(t.Context()); !errors.Is(err, ErrNoLeader) {
			t.Errorf("in a term that is not established: got %v, want %v", err, ErrNoLeader)
		}
		leader.established.Add(1)
		if err := leader.lockAsLeader(t.Context()); err != nil {
			t.Fatal(err)
		}
		leader.unlockMembership()
	})
}

// A node that is admitted anew is not removed for the silence of the one before.
func TestReadmittedNodeHasTimeOfItsOwn(t *testing.T) {
	bubble(t, func(t *testing.T, net *network) {
		leader := net.found()
		cfg := net.config("n1")
		for _, incarnation := range []uint64{2, 99} {
			cfg.Incarnation = incarnation
			r := cfg.Record()
			r.Announce = true
			if _, err := leader.Join(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			time.Sleep(reachTimeout * 3 / 4)
		}
		if got, want := net.roles(), "[n0:leader n1:nonvoter]"; got != want {
			t.Errorf("members are %s, want %s", got, want)
		}
	})
}

// A leader that fails between the two steps of admitting a node leaves a server
// without a record.
func TestServerWithoutARecord(t *testing.T) {
	bubble(t, func(t *testing.T, net *network) {
		leader := net.found()
		add := func(id string) {
			t.Helper()
			if err := leader.change(leader.raft.AddNonvoter(raft.ServerID(id), raft.ServerAddress("raft-"+id), 0, 0)); err != nil {
				t.Fatal(err)
			}
		}
		add("n1")
		net.await("the removal of the silent one", func() bool { return net.roles() == "[n0:leader]" })

		cfg := net.config("n2")
		add("n2")
		n := net.start(cfg)
		time.Sleep(3 * reachTimeout)
		if got, want := net.roles(), "[n0:leader n2:nonvoter]"; got != want {
			t.Errorf("members are %s, want %s", got, want)
		}
		if _, err := leader.Join(t.Context(), n.Record()); err != nil {
			t.Fatal(err)
		}
		if got, want := net.roles(), "[n0:leader n2:voter]"; got != want {
			t.Errorf("members are %s, want %s", got, want)
		}
	})
}

func TestErrorOfAChangeThatWasBegun(t *testing.T) {
	refusal := &Refusal{RefusedUnreachable, "nobody there"}
	for _, tt := range []struct {
		err     error
		unknown bool
	}{
		{nil, false},
		{refusal, false},
		{ErrNoLeader, true},
		{ErrBusy, true},
		{ErrClosed, true},
		{&NotLeaderError{}, true},
		{ErrUnknownOutcome, true},
	} {
		got := unknownOnceBegun(tt.err)
		var not *NotLeaderError
		if errors.Is(got, ErrUnknownOutcome) != tt.unknown || errors.As(got, &not) || errors.Is(got, ErrNoLeader) {
			t.Errorf("%v became %v", tt.err, got)
		}
	}
}

// A heartbeat tells where a log ends and not whether it agrees, and no request
// tells anything of another term.
func TestContacts(t *testing.T) {
	var c contacts
	now := time.Now()
	heartbeat := func(term uint64) *raft.AppendEntriesRequest { return &raft.AppendEntriesRequest{Term: term} }
	replicates := func(term uint64) *raft.AppendEntriesRequest {
		return &raft.AppendEntriesRequest{Term: term, PrevLogEntry: 9, PrevLogTerm: 1}
	}
	for _, step := range []struct {
		what string
		do   func()
		want contact
	}{
		{"a heartbeat", func() { c.note("n1", now, heartbeat(3), 100) }, contact{now, 100, false}},
		{"replication", func() { c.note("n1", now.Add(1), replicates(3), 90) }, contact{now.Add(1), 90, true}},
		{"a heartbeat after it", func() { c.note("n1", now.Add(2), heartbeat(3), 95) }, contact{now.Add(2), 95, true}},
		{"one that left before", func() { c.note("n1", now, heartbeat(3), 90) }, contact{now.Add(2), 95, true}},
		{"one of an earlier term", func() { c.note("n1", now.Add(3), replicates(2), 99) }, contact{now.Add(2), 95, true}},
		{"one of the next term", func() { c.note("n1", now.Add(3), heartbeat(4), 99) }, contact{now.Add(3), 99, false}},
		{"another node under the id", func() { c.forget("n1") }, contact{}},
	} {
		step.do()
		if got := c.last("n1"); got != step.want {
			t.Errorf("after %s: got %+v, want %+v", step.what, got, step.want)
		}
	}
}

// A node closes while its state machine has more to apply than it gets done. In
// real time, for the state machine to be slow.
func TestCloseUnderLoad(t *testing.T) {
	for range 3 {
		_, trans := raft.NewInmemTransport("raft-n0")
		n, err := Open(Config{
			ID: "n0", RaftAddr: "raft-n0", ClusterID: testCluster, Bootstrap: true,
			Store: raft.NewInmemStore(), Snapshots: new(MemorySnapshots), Transport: trans,
		})
		if err != nil {
			t.Fatal(err)
		}
		for n.raft.State() != raft.Leader {
			time.Sleep(time.Millisecond)
		}
		answered := make(chan error)
		const writers = 64
		for i := range writers {
			go func() {
				for {
					write := command.Write(command.Put(fmt.Append(nil, i), make([]byte, 100<<10)))
					if _, err := n.Propose(context.Background(), write); err != nil {
						answered <- err
						return
					}
				}
			}()
		}
		for n.Status().Revision < writers {
			time.Sleep(time.Millisecond)
		}
		if err := n.Close(); err != nil {
			t.Error(err)
		}
		for range writers {
			err := <-answered
			if !errors.Is(err, ErrClosed) && !errors.Is(err, ErrUnknownOutcome) && !errors.Is(err, ErrNoLeader) {
				t.Errorf("got %v, want %v, %v or %v", err, ErrClosed, ErrNoLeader, ErrUnknownOutcome)
			}
		}
	}
}
