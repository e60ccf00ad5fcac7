package process_test

import (
	"errors"
	"fmt"
	"os"
	"testing"
)

var errNoContact = errors.New("a member's last contact is unknown")

// incarnation is what the cluster knows the node's data directory by.
func (n *node) incarnation(asked *node) string {
	n.c.t.Helper()
	list, err := asked.cluster()
	if err != nil {
		n.c.t.Fatal(err)
	}
	for _, m := range list.Members {
		if m.ID == n.id {
			return m.Incarnation
		}
	}
	n.c.t.Fatalf("%s is not a member: %+v", n.id, list)
	return ""
}

func (n *node) wipe() {
	n.c.t.Helper()
	if err := os.RemoveAll(n.dir); err != nil {
		n.c.t.Fatal(err)
	}
}

func TestWipedNodeJoinsAsAnother(t *testing.T) {
	eachStore(t, func(t *testing.T, store string) {
		c := startCluster(t, store, 3, fast...)
		c.nodes[0].put("user1", "batman")
		c.members(c.nodes...)

		wiped := c.leader()
		rest := others(c.nodes, wiped)
		was := wiped.incarnation(rest[0])
		kill9(wiped)
		wiped.wipe()
		rest[0].put("user2", "robin")
		wiped.start("-join", rest[0].haddr)
		c.members(c.nodes...)
		c.awaitKey("user1", "batman", c.nodes...)
		c.awaitKey("user2", "robin", c.nodes...)
		if is := wiped.incarnation(rest[0]); is == was || is == "" {
			t.Errorf("the wiped node has the incarnation %s, and had %s", is, was)
		}

		// With its log it is the node that it was.
		was = wiped.incarnation(rest[0])
		kill9(wiped)
		wiped.start("-join", rest[0].haddr)
		wiped.awaitReady()
		if is := wiped.incarnation(rest[0]); is != was {
			t.Errorf("the restarted node has the incarnation %s, and had %s", is, was)
		}
	})
}

func TestWipedNodeAloneFoundsAnotherCluster(t *testing.T) {
	eachStore(t, func(t *testing.T, store string) {
		c := startCluster(t, store, 3, fast...)
		c.nodes[0].put("user1", "batman")
		old := c.nodes[0].mustStatus().ClusterID

		// node0 was started without -join, so this is what its old command does.
		alone, rest := c.nodes[0], c.nodes[1:]
		kill9(alone)
		alone.wipe()
		alone.start()
		if id := alone.mustStatus().ClusterID; id == old || id == "" {
			t.Errorf("the cluster that it founded is %s, and was %s", id, old)
		}
		for i := range 20 {
			key := fmt.Sprint("after-", i)
			rest[i%2].put(key, "old")
			alone.put(key, "new")
			c.awaitKey(key, "old", rest...)
			c.awaitKey(key, "new", alone)
		}
		if err := alone.lacks("user1"); err != nil {
			t.Errorf("the new cluster has a key of the old: %v", err)
		}
		for _, n := range rest {
			got, err := n.cluster()
			if err != nil || got.ClusterID != old || len(got.Members) != 3 {
				t.Errorf("the old cluster is now %+v, %v", got, err)
			}
		}
		if got, err := alone.cluster(); err != nil || checkMembers(got, []*node{alone}) != nil {
			t.Errorf("the new cluster is %+v, %v", got, err)
		}

		// The mistake is mended: the directory goes, and the node joins.
		if code := alone.term(); code != 0 {
			t.Errorf("it ended with %d", code)
		}
		alone.wipe()
		alone.start("-join", rest[1].haddr)
		c.members(c.nodes...)
		c.awaitKey("after-19", "old", c.nodes...)
	})
}

func TestNodesMoveToNewAddresses(t *testing.T) {
	eachStore(t, func(t *testing.T, store string) {
		c := startCluster(t, store, 3, fast...)
		c.nodes[0].put("user1", "batman")
		for i, moves := range []*node{c.follower(), c.leader()} {
			was := moves.incarnation(c.nodes[0])
			kill9(moves)
			moves.haddr, moves.raddr = freeAddr(t), freeAddr(t)
			moves.start() // the others' addresses are in its log
			c.members(c.nodes...)
			if is := moves.incarnation(c.nodes[0]); is != was {
				t.Errorf("the moved node has the incarnation %s, and had %s", is, was)
			}
			key := fmt.Sprint("moved-", i)
			moves.put(key, "written")
			c.awaitKey(key, "written", c.nodes...)
		}
		// Others find it there: it leads and is forwarded to.
		for _, n := range c.nodes {
			n.put("via-"+n.id, "written")
		}
		kill9(c.nodes...)
		c.startAll(c.nodes...)
		c.members(c.nodes...)
		for _, n := range c.nodes {
			c.awaitKey("via-"+n.id, "written", c.nodes...)
		}
	})
}
