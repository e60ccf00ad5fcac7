package process_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/forkbikash/keyval/client/api"
)

func TestDeadNodeIsReplaced(t *testing.T) {
	eachStore(t, func(t *testing.T, store string) {
		c := startCluster(t, store, 3, fast...)
		c.nodes[0].put("user1", "batman")
		checkListed(t, c, c.members(c.nodes...))

		dead := c.leader()
		rest := others(c.nodes, dead)
		kill9(dead)
		leader := c.leader()
		follower := others(rest, leader)[0]

		// Of the three, one is dead: without another, nothing could be committed.
		for _, asked := range rest {
			a := asked.askRemoval(follower.id, "")
			if err := a.is(http.StatusConflict, "would_lose_quorum"); err != nil || !strings.Contains(a.problem().Detail, "force") {
				t.Errorf("removing a living one of two: %v", a)
			}
		}
		if err := follower.askRemoval("node9", "").is(http.StatusNotFound, "not_a_member"); err != nil {
			t.Error(err)
		}
		c.members(c.nodes...)

		follower.remove(dead, "")
		c.members(rest...)
		fresh := c.join(follower)
		c.members(append(rest, fresh)...)
		c.awaitKey("user1", "batman", fresh)

		// The dead one comes back after all: it learns what happened, and goes.
		dead.start()
		dead.expectRemoved(t)
		c.members(append(rest, fresh)...)

		// Its replacement makes the cluster bear another loss.
		kill9(others(rest, c.leader())[0])
		c.leader().put("user2", "robin")
		c.awaitKey("user2", "robin", c.running()...)
	})
}

// checkListed checks what GET /cluster tells beside addresses and roles.
func checkListed(t *testing.T, c *cluster, got api.Cluster) {
	t.Helper()
	incarnations := make(map[string]bool)
	for _, m := range got.Members {
		incarnations[m.Incarnation] = true
		if m.LogStore != c.store || m.Transport != "tcp" || m.Incarnation == "" {
			t.Errorf("%s is listed as %+v", m.ID, m)
		}
		if (m.Role == "leader") != (m.ID == got.Leader) {
			t.Errorf("%s has the role %s and %s leads", m.ID, m.Role, got.Leader)
		}
	}
	if len(incarnations) != len(got.Members) {
		t.Errorf("two members have one incarnation: %+v", got.Members)
	}
	for _, asked := range c.running() { // any node passes on what the leader knows
		await(t, "the last contacts at "+asked.id, func() error {
			got, err := asked.cluster()
			if err != nil {
				return err
			}
			for _, m := range got.Members {
				if m.LastContactMS == nil {
					return errNoContact
				}
			}
			return nil
		})
	}
}

// expectRemoved waits until the node, which runs, ends because it was removed.
func (n *node) expectRemoved(t *testing.T) {
	t.Helper()
	if code := n.code(t); code != 0 {
		t.Errorf("the removed %s ended with %d", n.id, code)
	}
	if !strings.Contains(n.stderr.String(), "this node was removed from the cluster") {
		t.Errorf("the removed %s does not say so:\n%s", n.id, n.tail())
	}
}

func TestRemovedNodesEndByThemselves(t *testing.T) {
	eachStore(t, func(t *testing.T, store string) {
		c := startCluster(t, store, 4, fast...)
		c.nodes[0].put("user1", "batman")

		gone := c.follower()
		asked := others(c.nodes, gone, c.leader())[0]
		asked.remove(gone, "")
		gone.expectRemoved(t)
		rest := others(c.nodes, gone)
		c.members(rest...)
		for _, joins := range [][]string{nil, {"-join", asked.haddr}} {
			if err := gone.launch(joins...); err != nil {
				t.Fatal(err)
			}
			gone.expectRemoved(t)
		}
		c.members(rest...)

		leader := c.leader()
		others(rest, leader)[0].remove(leader, "")
		leader.expectRemoved(t)
		rest = others(rest, leader)
		c.members(rest...)
		rest[0].put("user2", "robin")
		c.awaitKey("user2", "robin", rest...)
		c.awaitKey("user1", "batman", rest...)
	})
}

// An operator who knows that a dead node comes back may force a removal.
func TestForcedRemoval(t *testing.T) {
	t.Parallel()
	c := startCluster(t, "", 3, fast...)
	c.nodes[0].put("user1", "batman")
	c.awaitKey("user1", "batman", c.nodes...)
	leader := c.leader()
	away, gone := others(c.nodes, leader)[0], others(c.nodes, leader)[1]
	kill9(away)
	a := leader.askRemoval(gone.id, "?force=true")
	if a.is(http.StatusOK, "") != nil && a.is(http.StatusGatewayTimeout, "outcome_unknown") != nil {
		t.Errorf("forced removal: %v", a)
	}
	away.start()
	leader.remove(gone, "?force=true")
	gone.expectRemoved(t)
	c.members(leader, away)
	c.awaitKey("user1", "batman", leader, away)
	leader.put("user2", "robin")
	c.awaitKey("user2", "robin", leader, away)

	if err := leader.askRemoval(leader.id, "?force=perhaps").is(http.StatusBadRequest, "invalid_parameter"); err != nil {
		t.Error(err)
	}
	c.leader().remove(others([]*node{leader, away}, c.leader())[0], "")
	last := c.leader()
	if err := last.askRemoval(last.id, "?force=true").is(http.StatusConflict, "last_voter"); err != nil {
		t.Error(err)
	}
	last.put("user3", "alfred")
}
