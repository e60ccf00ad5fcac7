package process_test

import (
	"encoding/json"
	"slices"
	"testing"
)

// Nodes that listen on every interface tell each other the addresses that they
// are given for it, and forward and replicate through them.
func TestWildcardAddresses(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "", steady...)
	for i := range 3 {
		n := c.node()
		var everyHTTP, everyRaft string
		n.haddr, everyHTTP = freeEverywhere(t)
		n.raddr, everyRaft = freeEverywhere(t)
		n.flags = []string{"-haddr=" + everyHTTP, "-haddr-adv=" + n.haddr, "-raddr=" + everyRaft, "-raddr-adv=" + n.raddr}
		if i == 0 {
			n.start()
		} else {
			n.start("-join", c.nodes[0].haddr)
		}
	}
	c.members(c.nodes...)
	for _, n := range c.nodes {
		n.put("via-"+n.id, "written")
		c.awaitKey("via-"+n.id, "written", c.nodes...)
	}
	moves := c.follower()
	kill9(moves)
	moves.start()
	c.members(c.nodes...)
}

// Without -id a node is named after the address that its peers know.
func TestDefaultID(t *testing.T) {
	eachStore(t, func(t *testing.T, store string) {
		c := newCluster(t, store, fast...)
		for range 2 {
			n := c.node()
			n.unnamed, n.id = true, n.raddr
		}
		c.nodes[0].start()
		c.nodes[1].start("-join", c.nodes[0].haddr)
		c.members(c.nodes...)
		for _, n := range c.nodes {
			if got := n.mustStatus().Node.ID; got != n.raddr {
				t.Errorf("the node at %s is called %s", n.raddr, got)
			}
		}

		// The name stays when the address goes, and is a path in a URL.
		moves := c.nodes[1]
		kill9(moves)
		moves.raddr = freeAddr(t)
		moves.start()
		c.members(c.nodes...)
		c.nodes[0].remove(moves, "?force=true")
		moves.expectRemoved(t)
		c.members(c.nodes[0])
	})
}

func TestNodesWithoutALogCache(t *testing.T) {
	eachStore(t, func(t *testing.T, store string) {
		c := startCluster(t, store, 2, append([]string{"-log-cache=0"}, steady...)...)
		w := startWriting("key", c.nodes...)
		w.awaitMore(t, 50)
		away := c.follower()
		kill9(away)
		acked := w.stop()
		away.start() // what it missed is read from the store
		c.awaitKeys(acked, c.nodes...)
		c.awaitSameState()
	})
}

// Each line of the log is one JSON object, Raft's own and those of net/http
// among them.
func TestJSONLog(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "", append([]string{"-log-format=json", "-log-level=debug"}, fast...)...)
	n := c.found()
	c.join(n)
	c.members(c.nodes...)
	n.put("user1", "batman")
	for _, n := range slices.Backward(c.nodes) {
		if code := n.term(); code != 0 {
			t.Errorf("%s ended with %d", n.id, code)
		}
		seen := make(map[string]bool)
		for _, line := range n.stderr.lines() {
			var event struct{ Time, Level, Msg, From string }
			if err := json.Unmarshal([]byte(line), &event); err != nil || event.Time == "" || event.Level == "" || event.Msg == "" {
				t.Errorf("%s: %v in the line %s", n.id, err, line)
			}
			seen[event.Msg], seen["from "+event.From] = true, true
		}
		if !seen["stopping"] || !seen["from raft"] {
			t.Errorf("%s did not log what was expected: %v", n.id, seen)
		}
	}
}
