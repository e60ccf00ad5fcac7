package node

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/core/command"
)

// bubble runs f in virtual time, on a network of its own.
func bubble(t *testing.T, f func(t *testing.T, net *network)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		net := &network{t: t, nodes: map[string]*testNode{}}
		defer net.stop()
		f(t, net)
	})
}

// network is a cluster in one process: nodes over raft's in-memory transport.
type network struct {
	t     *testing.T
	nodes map[string]*testNode // by Raft address
}

// testNode is a node and what outlives its process: its "disk".
type testNode struct {
	*Node
	cfg   Config
	trans *raft.InmemTransport
	up    bool

	mu    sync.Mutex
	fails []error
}

// failures is what OnFail was told.
func (n *testNode) failures() []error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.fails)
}

const testCluster = "cluster-1"

// config is that of a node with an empty directory.
func (net *network) config(id string) Config {
	store := raft.NewInmemStore()
	return Config{
		ID: id, RaftAddr: "raft-" + id, HTTPAddr: "http-" + id, ClusterID: testCluster,
		Store: store, Snapshots: new(MemorySnapshots),
		Incarnation: uint64(len(net.nodes) + 1), LogStoreName: "test", TransportName: "test",
	}
}

// start opens a node and connects it with all that are up.
func (net *network) start(cfg Config) *testNode {
	net.t.Helper()
	n, err := net.tryStart(cfg)
	if err != nil {
		net.t.Fatalf("open %s: %v", cfg.ID, err)
	}
	return n
}

func (net *network) tryStart(cfg Config) (*testNode, error) {
	tn := &testNode{cfg: cfg, up: true}
	_, tn.trans = raft.NewInmemTransportWithTimeout(raft.ServerAddress(cfg.RaftAddr), 500*time.Millisecond)
	cfg.Transport = tn.trans
	cfg.OnFail = func(err error) {
		tn.mu.Lock()
		defer tn.mu.Unlock()
		tn.fails = append(tn.fails, err)
	}
	n, err := Open(cfg)
	if err != nil {
		return nil, err
	}
	tn.Node = n
	net.nodes[cfg.RaftAddr] = tn
	net.heal(tn)
	return tn, nil
}

func (net *network) heal(n *testNode) {
	for _, other := range net.nodes {
		if other != n && other.up {
			n.trans.Connect(other.trans.LocalAddr(), other.trans)
			other.trans.Connect(n.trans.LocalAddr(), n.trans)
		}
	}
}

func (net *network) isolate(n *testNode) {
	n.trans.DisconnectAll()
	for _, other := range net.nodes {
		if other != n {
			other.trans.Disconnect(n.trans.LocalAddr())
		}
	}
}

// kill stops a node without a word to the others.
func (net *network) kill(n *testNode) {
	net.isolate(n)
	n.up = false
	if err := n.Close(); err != nil {
		net.t.Errorf("close %s: %v", n.ID(), err)
	}
}

func (net *network) stop() {
	for _, n := range net.nodes {
		if n.up {
			net.kill(n)
		}
	}
}

// found starts a cluster of n0 alone.
func (net *network) found() *testNode {
	net.t.Helper()
	cfg := net.config("n0")
	cfg.Bootstrap = true
	n := net.start(cfg)
	n.cfg.Bootstrap = false // on its next start
	net.leader()
	return n
}

// cluster starts nodes n0, n1, ... that have all joined.
func (net *network) cluster(size int) []*testNode {
	net.t.Helper()
	nodes := []*testNode{net.found()}
	for i := 1; i < size; i++ {
		nodes = append(nodes, net.join(net.config(fmt.Sprintf("n%d", i))))
	}
	return nodes
}

// join announces a node, starts it and waits until it votes.
func (net *network) join(cfg Config) *testNode {
	net.t.Helper()
	r := cfg.Record()
	r.Announce = true
	if _, err := net.leader().Join(net.t.Context(), r); err != nil {
		net.t.Fatalf("announce %s: %v", cfg.ID, err)
	}
	n := net.start(cfg)
	r.Announce = false
	if _, err := net.leader().Join(net.t.Context(), r); err != nil {
		net.t.Fatalf("join %s: %v", cfg.ID, err)
	}
	return n
}

// leader waits for a node that leads, knows it, and has committed in its term.
func (net *network) leader() *testNode {
	net.t.Helper()
	var leader *testNode
	net.await("a leader", func() bool {
		for _, n := range net.nodes {
			if n.up && n.raft.State() == raft.Leader && n.established.Load() == n.Term() &&
				n.Node.propose(net.t.Context(), command.Noop()) == nil {
				leader = n
				return true
			}
		}
		return false
	})
	return leader
}

// await waits, in virtual time, until cond holds.
func (net *network) await(what string, cond func() bool) {
	net.t.Helper()
	for end := time.Now().Add(2 * time.Minute); !cond(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			net.t.Fatalf("waited two minutes for %s", what)
		}
	}
}

func (net *network) put(n *testNode, key, value string) {
	net.t.Helper()
	ctx, cancel := context.WithTimeout(net.t.Context(), 10*time.Second)
	defer cancel()
	result, err := n.Propose(ctx, command.Write(command.Put([]byte(key), []byte(value))))
	if err != nil || result.Err != nil {
		net.t.Fatalf("put %s on %s: %v, %v", key, n.ID(), err, result.Err)
	}
}

// awaitKey waits until n has key.
func (net *network) awaitKey(n *testNode, key, value string) {
	net.t.Helper()
	net.await(fmt.Sprintf("%s on %s", key, n.ID()), func() bool {
		return string(n.Get([]byte(key)).Value) == value
	})
}

// roles is the membership as the leader has it, such as "n0:leader n1:voter".
func (net *network) roles() string {
	net.t.Helper()
	var all []string
	for _, m := range net.leader().Cluster().Members {
		all = append(all, m.ID+":"+string(m.Role))
	}
	slices.Sort(all)
	return fmt.Sprint(all)
}
