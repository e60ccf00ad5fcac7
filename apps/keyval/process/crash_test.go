package process_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"testing"
)

// A power failure: every node dies at once, in the middle of writes.
func TestAcknowledgedWritesOutliveKillOfAll(t *testing.T) {
	eachStore(t, func(t *testing.T, store string) {
		c := startCluster(t, store, 3, fast...)
		acked := make(map[string]string)
		for round := range 3 {
			w := startWriting(fmt.Sprint("round", round), c.nodes...)
			w.awaitMore(t, 100)
			kill9(c.nodes...)
			maps.Copy(acked, w.stop())

			c.startAll(c.nodes...)
			c.leader()
			c.awaitKeys(acked, c.nodes...)
		}
		c.awaitSameState()
		c.follower().put("after", "all")
		c.awaitKey("after", "all", c.nodes...)
	})
}

// A node that dies and comes back again and again, while the others are
// written to, loses nothing and is never ahead.
func TestNodeIsKilledAgainAndAgainUnderWrites(t *testing.T) {
	eachStore(t, func(t *testing.T, store string) {
		c := startCluster(t, store, 3, fast...)
		w := startWriting("key", c.nodes...)
		for i := range 6 {
			n := c.nodes[i%len(c.nodes)]
			kill9(n)
			w.awaitMore(t, 20)
			n.start()
			n.awaitReady()
		}
		c.awaitKeys(w.stop(), c.nodes...)
		c.awaitSameState()
	})
}

func TestFiveNodesSurviveTwoLeaders(t *testing.T) {
	eachStore(t, func(t *testing.T, store string) {
		c := startCluster(t, store, 5, fast...)
		c.nodes[0].put("user1", "batman")
		c.awaitKey("user1", "batman", c.nodes...)
		w := startWriting("key", c.nodes...)
		first := c.leader()
		w.awaitMore(t, 10)
		reads := startReading("user1", "batman", others(c.nodes, first))
		kill9(first)
		second := c.leader()
		w.awaitMore(t, 10)
		reads.stop(t)
		kill9(second)
		third := c.leader()
		w.awaitMore(t, 10)
		acked := w.stop()
		c.awaitKeys(acked, c.running()...)

		c.startAll(first, second)
		c.awaitKeys(acked, c.nodes...)
		third.put("all", "back")
		c.awaitKey("all", "back", c.nodes...)
		c.awaitSameState()
	})
}

func TestMinorityRefusesWritesAndAnswersReads(t *testing.T) {
	eachStore(t, func(t *testing.T, store string) {
		c := startCluster(t, store, 3, fast...)
		c.nodes[0].put("user1", "batman")
		c.awaitKey("user1", "batman", c.nodes...)
		leader := c.leader()
		followers := others(c.nodes, leader)
		reads := startReading("user1", "batman", []*node{leader})

		kill9(followers...)
		await(t, "the leader to refuse writes", func() error {
			a := leader.ask(http.MethodPost, "/key", object("in-flight", "unknown"))
			return refusedByMinority(t, a)
		})
		for _, call := range []struct{ method, path, body string }{
			{http.MethodPost, "/key", object("never", "written")},
			{http.MethodDelete, "/key/user1", ""},
			{http.MethodDelete, "/cluster/" + followers[0].id, ""},
			{http.MethodPost, "/join", `{"id":"node9","addr":"localhost:9"}`},
		} {
			a := leader.ask(call.method, call.path, call.body)
			if err := a.is(http.StatusServiceUnavailable, "no_leader"); err != nil || a.problem().Outcome != "" {
				t.Errorf("%s %s without a quorum: %v", call.method, call.path, a)
			}
		}
		if a := leader.ask(http.MethodGet, "/readyz", ""); a.status != http.StatusServiceUnavailable {
			t.Errorf("GET /readyz without a quorum: %v", a)
		}
		if a := leader.ask(http.MethodGet, "/healthz", ""); a.status != http.StatusOK {
			t.Errorf("GET /healthz without a quorum: %v", a)
		}

		followers[0].start()
		leader.put("user2", "robin")
		followers[1].start()
		reads.stop(t)
		c.awaitKey("user2", "robin", c.nodes...)
		for _, n := range c.nodes {
			n.awaitReady()
			if err := errors.Join(n.has("user1", "batman"), n.lacks("never")); err != nil {
				t.Error(err)
			}
		}
		c.sameEverywhere("in-flight")
		c.awaitSameState()
	})
}

// refusedByMinority is nil once the node knows no leader. Before that a write is
// proposed, and its outcome must be called unknown.
func refusedByMinority(t *testing.T, a answer) error {
	t.Helper()
	p := a.problem()
	switch {
	case a.status == http.StatusServiceUnavailable && p.Code == "no_leader":
		if p.Outcome != "" {
			t.Errorf("a write that was not proposed has an outcome: %v", a)
		}
		return nil
	case a.status == http.StatusGatewayTimeout && p.Code == "outcome_unknown" && p.Outcome == "unknown":
	case a.status == http.StatusOK: // acknowledged by a follower just before it died
	default:
		t.Errorf("a write without a quorum: %v", a)
	}
	return fmt.Errorf("it answered %v", a)
}
