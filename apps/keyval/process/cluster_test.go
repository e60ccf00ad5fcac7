package process_test

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/forkbikash/keyval/client/api"
)

// fast are timings that make elections quick and still suit a busy machine.
var fast = []string{"-heartbeat-timeout=300ms", "-election-timeout=300ms"}

// steady are timings that no busy machine makes a leader fall with.
var steady = []string{"-heartbeat-timeout=4s", "-election-timeout=4s"}

// A cluster is the nodes of one test, which are killed when it ends.
type cluster struct {
	t       *testing.T
	dir     string
	store   string
	flags   []string // of every node
	program string   // what the nodes run; empty for the binary under test
	nodes   []*node
	http    *http.Client
}

// A node is a command line and the process that it last started.
type node struct {
	c            *cluster
	id           string
	dir          string
	haddr, raddr string
	program      string   // empty for the binary under test
	flags        []string // of this node alone, without -join
	unnamed      bool     // it is started without -id
	*process
}

// newCluster returns a cluster without nodes.
func newCluster(t *testing.T, store string, flags ...string) *cluster {
	// The directory comes first, so that it is removed after the processes ended.
	c := &cluster{t: t, dir: t.TempDir(), store: store, flags: flags, http: &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: 64},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       patience,
	}}
	t.Cleanup(c.end)
	return c
}

// startCluster returns a cluster of n nodes that all vote and know it.
func startCluster(t *testing.T, store string, n int, flags ...string) *cluster {
	t.Helper()
	c := newCluster(t, store, flags...)
	c.found()
	for range n - 1 {
		c.join(c.nodes[0])
	}
	for _, n := range c.nodes {
		n.awaitReady()
	}
	return c
}

func (c *cluster) end() {
	for _, n := range c.nodes {
		if n.process != nil {
			n.kill()
			<-n.exited
			n.checkRaces(c.t)
		}
	}
	c.http.CloseIdleConnections()
	if !c.t.Failed() {
		return
	}
	for _, n := range c.nodes {
		if n.process != nil {
			c.t.Logf("the last run of %s ended with %v and printed:\n%s", n.id, n.cmd.ProcessState, n.tail())
		}
	}
}

// node names a new node, which does not run yet.
func (c *cluster) node(flags ...string) *node {
	c.t.Helper()
	id := fmt.Sprintf("node%d", len(c.nodes))
	home := filepath.Join(c.dir, "home-of-"+id)
	if err := os.Mkdir(home, 0o700); err != nil {
		c.t.Fatal(err)
	}
	n := &node{
		c: c, id: id, dir: filepath.Join(home, "data"),
		haddr: freeAddr(c.t), raddr: freeAddr(c.t), flags: flags,
	}
	c.nodes = append(c.nodes, n)
	return n
}

// found starts a node that is a cluster by itself.
func (c *cluster) found(flags ...string) *node {
	c.t.Helper()
	n := c.node(flags...)
	n.start()
	return n
}

// join starts a node that joins through via.
func (c *cluster) join(via *node, flags ...string) *node {
	c.t.Helper()
	n := c.node(flags...)
	n.start("-join", via.haddr)
	return n
}

// args is the node's command line.
func (n *node) args(extra ...string) []string {
	args := []string{"-haddr", n.haddr, "-raddr", n.raddr}
	if !n.unnamed {
		args = append(args, "-id", n.id)
	}
	if n.c.store != "" {
		args = append(args, "-log-store="+n.c.store)
	}
	args = slices.Concat(args, n.c.flags, n.flags, extra)
	return append(args, n.dir)
}

// start runs the node and waits until it serves.
func (n *node) start(extra ...string) {
	n.c.t.Helper()
	if err := n.tryStart(extra...); err != nil {
		n.c.t.Fatalf("start %s: %v", n.id, err)
	}
}

func (n *node) tryStart(extra ...string) error {
	const tries = 20
	for try := 1; ; try++ {
		if err := n.launch(extra...); err != nil {
			return err
		}
		err := n.awaitServing()
		// A test of another process may just be looking whether the port is free.
		if err == nil || try == tries || !strings.Contains(err.Error(), "address already in use") {
			return err
		}
		time.Sleep(pollInterval)
	}
}

// launch runs the node and does not wait.
func (n *node) launch(extra ...string) error {
	home := filepath.Dir(n.dir)
	p, err := launchProgram(cmp.Or(n.program, n.c.program, binary), dieWithParent(), home, []string{"HOME=" + home}, n.args(extra...)...)
	if err == nil {
		n.process = p
	}
	return err
}

// startAll starts nodes at the same time.
func (c *cluster) startAll(nodes ...*node) {
	c.t.Helper()
	errs := make([]error, len(nodes))
	var starting sync.WaitGroup
	for i, n := range nodes {
		starting.Go(func() { errs[i] = n.tryStart() })
	}
	starting.Wait()
	if err := errors.Join(errs...); err != nil {
		c.t.Fatal(err)
	}
}

// kill9 kills nodes at once and waits until they are gone.
func kill9(nodes ...*node) {
	for _, n := range nodes {
		n.kill()
	}
	for _, n := range nodes {
		<-n.exited
	}
}

// term sends SIGTERM and returns the exit code.
func (n *node) term() int {
	n.c.t.Helper()
	n.terminate(n.c.t)
	return n.code(n.c.t)
}

// running are the nodes whose processes run.
func (c *cluster) running() []*node {
	return slices.DeleteFunc(slices.Clone(c.nodes), func(n *node) bool {
		return n.process == nil || !n.process.running()
	})
}

// others are nodes without those in not.
func others(nodes []*node, not ...*node) []*node {
	return slices.DeleteFunc(slices.Clone(nodes), func(n *node) bool { return slices.Contains(not, n) })
}

// leader waits until all nodes that run agree who leads, and it leads.
func (c *cluster) leader() *node {
	c.t.Helper()
	var leader *node
	await(c.t, "a leader that all nodes agree on", func() error {
		leader = nil
		var seen []string
		for _, n := range c.running() {
			s, err := n.status()
			if err != nil {
				return err
			}
			known := "nobody"
			if s.Leader != nil {
				known = s.Leader.ID
			}
			seen = append(seen, fmt.Sprintf("%s (%s) knows %s", n.id, s.Node.State, known))
			if s.Node.State == "leader" {
				leader = n
			}
		}
		for _, s := range seen {
			if leader == nil || !strings.HasSuffix(s, " knows "+leader.id) {
				return errors.New(strings.Join(seen, ", "))
			}
		}
		return nil
	})
	return leader
}

// follower is a running node that does not lead.
func (c *cluster) follower() *node {
	c.t.Helper()
	return others(c.running(), c.leader())[0]
}

// members waits until every running node lists exactly nodes, each with its
// addresses and a settled role, and returns the leader's list.
func (c *cluster) members(nodes ...*node) api.Cluster {
	c.t.Helper()
	var last api.Cluster
	await(c.t, "the members", func() error {
		for _, asked := range c.running() {
			got, err := asked.cluster()
			if err != nil {
				return err
			}
			if err := checkMembers(got, nodes); err != nil {
				return fmt.Errorf("as %s has it: %w", asked.id, err)
			}
			last = got
		}
		return nil
	})
	return last
}

func checkMembers(got api.Cluster, nodes []*node) error {
	var have, want []string
	for _, m := range got.Members {
		role := m.Role
		if m.ID == got.Leader && role == "leader" {
			role = "voter"
		}
		have = append(have, fmt.Sprint(m.ID, " ", role, " ", m.RaftAddr, " ", m.HTTPAddr))
	}
	for _, n := range nodes {
		want = append(want, fmt.Sprint(n.id, " voter ", n.raddr, " ", n.haddr))
	}
	slices.Sort(have)
	slices.Sort(want)
	if !slices.Equal(have, want) {
		return fmt.Errorf("the members are %q, want %q", have, want)
	}
	if got.Leader == "" {
		return errors.New("there is no leader")
	}
	return nil
}
