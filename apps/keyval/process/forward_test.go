package process_test

import (
	"fmt"
	"net/http"
	"testing"
)

func TestFollowersForwardAsTold(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "", fast...)
	c.found("-forward=reject")
	c.join(c.nodes[0], "-forward=redirect")
	c.join(c.nodes[1], "-forward=proxy") // through a follower, which passes a join on whatever its mode
	c.members(c.nodes...)
	reject, redirect, proxy := c.nodes[0], c.nodes[1], c.nodes[2]

	for _, leads := range []*node{proxy, reject} {
		leader := c.makeLeader(leads)
		for _, n := range others(c.nodes, leader) {
			for _, call := range []struct{ method, path, body string }{
				{http.MethodPost, "/key", object("via", n.id)},
				{http.MethodDelete, "/key/via", ""},
			} {
				await(t, fmt.Sprintf("%s at %s while %s leads", call.method, n.id, leader.id), func() error {
					a := n.ask(call.method, call.path, call.body)
					switch n {
					case proxy:
						return a.is(http.StatusOK, "")
					case reject:
						return a.names(leader, http.StatusMisdirectedRequest)
					}
					if want, got := "http://"+leader.haddr+call.path, a.header.Get("Location"); got != want {
						return fmt.Errorf("location is %q, want %q: %v", got, want, a)
					}
					return a.names(leader, http.StatusTemporaryRedirect)
				})
			}
		}
	}
	await(t, "via to be gone", func() error { return redirect.lacks("via") })
}

// names says with an error that the answer does not send the client to leader.
func (a answer) names(leader *node, status int) error {
	if err := a.is(status, "not_leader"); err != nil {
		return err
	}
	if l := a.problem().Leader; l == nil || l.ID != leader.id || l.HTTPAddr != leader.haddr {
		return fmt.Errorf("it does not name %s as the leader: %v", leader.id, a)
	}
	return nil
}

// makeLeader stops whoever leads instead of want until want does.
func (c *cluster) makeLeader(want *node) *node {
	c.t.Helper()
	await(c.t, want.id+" to lead", func() error {
		leader := c.leader()
		if leader == want {
			return nil
		}
		if code := leader.term(); code != 0 {
			c.t.Errorf("%s ended with %d", leader.id, code)
		}
		c.leader()
		leader.start()
		return fmt.Errorf("%s led", leader.id)
	})
	return want
}

func TestJoinThroughFollower(t *testing.T) {
	eachStore(t, func(t *testing.T, store string) {
		c := startCluster(t, store, 3, fast...)
		c.nodes[0].put("user1", "batman")
		c.join(c.follower())
		c.members(c.nodes...)
		c.awaitKey("user1", "batman", c.nodes...)

		// The addresses are tried in turn.
		last := c.node()
		last.start("-join", freeAddr(t)+","+c.follower().haddr)
		c.members(c.nodes...)
		c.awaitKey("user1", "batman", last)
	})
}

func TestClusterMixesLogStores(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "", fast...)
	c.found("-log-store=bolt")
	for _, store := range []string{"wal", "pebble", "inmem"} {
		c.join(c.nodes[0], "-log-store="+store)
	}
	c.join(c.nodes[0], "-inmem")
	stores := map[string]string{"node0": "bolt", "node1": "wal", "node2": "pebble", "node3": "inmem", "node4": "inmem"}
	for _, m := range c.members(c.nodes...).Members {
		if m.LogStore != stores[m.ID] {
			t.Errorf("%s has the log store %q, want %q", m.ID, m.LogStore, stores[m.ID])
		}
	}
	w := startWriting("key", c.nodes...)
	for range 2 {
		lost := c.leader()
		kill9(lost)
		w.awaitMore(t, 20)
		// A node that keeps nothing comes back as a new one, and has to ask.
		lost.start("-join", c.leader().haddr)
		lost.awaitReady()
	}
	c.awaitKeys(w.stop(), c.nodes...)
	c.members(c.nodes...)
	c.awaitSameState()
}
