package tcp

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/transport"
)

// tape is a state machine that remembers what was committed.
type tape struct {
	mu      sync.Mutex
	entries []string
}

func (s *tape) Apply(l *raft.Log) any {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries = append(s.entries, string(l.Data))
	return nil
}
func (s *tape) Snapshot() (raft.FSMSnapshot, error) { return nil, raft.ErrNothingNewToSnapshot }
func (s *tape) Restore(io.ReadCloser) error         { return nil }

func (s *tape) has(want []string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	// An entry whose fate the caller did not learn may come twice in a row.
	return slices.Equal(slices.Compact(slices.Clone(s.entries)), want)
}

type member struct {
	*raft.Raft
	wire *network
	tape *tape
}

// startMember runs raft over n and stops it with the test.
func startMember(t *testing.T, n *network, servers []raft.Server) *member {
	t.Helper()
	c := raft.DefaultConfig()
	c.LocalID = raft.ServerID(n.layer.self.node)
	c.Logger = hclog.NewNullLogger()
	c.HeartbeatTimeout, c.ElectionTimeout = 500*time.Millisecond, 500*time.Millisecond
	c.LeaderLeaseTimeout, c.CommitTimeout = 250*time.Millisecond, 5*time.Millisecond
	store, m := raft.NewInmemStore(), &member{wire: n, tape: &tape{}}
	var err error
	if m.Raft, err = raft.NewRaft(c, m.tape, store, store, raft.NewDiscardSnapshotStore(), n); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// raft closes the transport when it has stopped.
		if err := m.Shutdown().Error(); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		if !n.IsShutdown() {
			t.Error("raft did not find the transport's Close")
		}
	})
	if err := m.BootstrapCluster(raft.Configuration{Servers: servers}).Error(); err != nil {
		t.Fatal(err)
	}
	return m
}

func leaderOf(t *testing.T, members []*member) *member {
	t.Helper()
	var leader *member
	waitUntil(t, "a leader", func() bool {
		i := slices.IndexFunc(members, func(m *member) bool { return m.State() == raft.Leader })
		if i >= 0 {
			leader = members[i]
		}
		return i >= 0
	})
	return leader
}

// commit applies entry through whoever leads; a change of leader is no failure.
func commit(t *testing.T, members []*member, entry string) {
	t.Helper()
	waitUntil(t, "commit of "+entry, func() bool {
		return leaderOf(t, members).Apply([]byte(entry), 5*time.Second).Error() == nil
	})
}

func TestClusterCommits(t *testing.T) {
	noLeak(t)
	var wires []*network
	var servers []raft.Server
	for i := range 3 {
		n := open(t, transport.Config{ID: fmt.Sprint("node", i), ClusterID: "home"})
		wires = append(wires, n)
		servers = append(servers, raft.Server{ID: raft.ServerID(fmt.Sprint("node", i)), Address: n.LocalAddr()})
	}
	var members []*member
	for _, n := range wires {
		members = append(members, startMember(t, n, servers))
	}

	// A node of another cluster that was given the same addresses.
	var book logBook
	stray := open(t, transport.Config{ID: "stray", ClusterID: "away", Logger: book.logger()})
	strayServers := append([]raft.Server{{ID: "stray", Address: stray.LocalAddr()}}, servers...)
	outsider := startMember(t, stray, strayServers)

	leaderOf(t, members)
	for _, n := range wires {
		book.wait(t, "cannot talk to a peer", "peer="+string(n.LocalAddr()), "belongs to cluster home, this node to away")
	}
	const farTerm = 1000
	for _, n := range wires {
		// Let in, this would depose the leader.
		req := &raft.RequestVoteRequest{RPCHeader: header, Term: farTerm, LastLogIndex: farTerm, LastLogTerm: farTerm, LeadershipTransfer: true}
		if err := stray.RequestVote("", n.LocalAddr(), req, new(raft.RequestVoteResponse)); err == nil {
			t.Error("the stray node was asked in")
		}
	}
	var want []string
	for i := range 20 {
		want = append(want, fmt.Sprint("entry ", i))
		commit(t, members, want[i])
	}
	for _, m := range members {
		waitUntil(t, "all entries on every node", func() bool { return m.tape.has(want) })
		if got := m.CurrentTerm(); got >= farTerm {
			t.Errorf("the stray node raised the term to %d", got)
		}
	}
	if s := outsider.State(); s == raft.Leader {
		t.Error("the stray node leads")
	}
}
