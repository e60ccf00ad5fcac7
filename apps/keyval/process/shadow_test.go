package process_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/forkbikash/keyval/client/api"
)

// busyLog has nodes read their log from the store, and cut it all the time.
var busyLog = []string{"-log-cache=0", "-snapshot-interval=50ms", "-snapshot-threshold=40", "-trailing-logs=20"}

// awaitShadow waits until the node's candidate has done what was asked of it and
// has been compared.
func (n *node) awaitShadow() *api.Shadow {
	n.c.t.Helper()
	var last *api.Shadow
	await(n.c.t, "the shadow log store of "+n.id+" to be compared", func() error {
		s, err := n.status()
		if err != nil {
			return err
		}
		if last = s.Shadow; last == nil {
			return fmt.Errorf("there is none: %+v", s)
		}
		if last.On && (last.Waiting > 0 || last.Reads < 20 || last.Writes < 20) {
			return fmt.Errorf("got %+v", *last)
		}
		return nil
	})
	return last
}

// Each durable store is tried below each node of another, under writes, cuts of
// the log and the death of a node, and never differs.
func TestShadowOfAnHonestStore(t *testing.T) {
	candidates := map[string]string{"bolt": "wal:segment=1MiB", "wal": "pebble", "pebble": "bolt"}
	eachStore(t, func(t *testing.T, store string) {
		c := startCluster(t, store, 3, append(append([]string{"-shadow-log-store=" + candidates[store]}, busyLog...), fast...)...)
		w := startWriting("key", c.nodes...)
		w.awaitMore(t, 200)
		dies := c.follower()
		kill9(dies)
		w.awaitMore(t, 200)
		dies.start()
		dies.awaitReady()
		w.awaitMore(t, 200)
		acked := w.stop()
		c.awaitKeys(acked, c.nodes...)
		c.awaitSameState()

		name, _, _ := strings.Cut(candidates[store], ":")
		for _, n := range c.nodes {
			s := n.awaitShadow()
			if !s.On || s.Differences != 0 || s.LogStore != name {
				t.Errorf("%s: got %+v", n.id, *s)
			}
			if l := s.Latency["append"]; l.Primary.Count == 0 || l.Shadow.Count == 0 || l.Shadow.P99 < l.Shadow.P50 || l.Shadow.P50 == 0 {
				t.Errorf("%s: got append latencies %+v", n.id, l)
			}
		}

		// Without the flag it is a node like any other, and nothing asks for the
		// candidate's files.
		n := c.nodes[0]
		c.flags = fast
		kill9(n)
		if err := os.RemoveAll(filepath.Join(n.dir, "shadow")); err != nil {
			t.Fatal(err)
		}
		n.start()
		n.awaitReady()
		if s := n.mustStatus(); s.Shadow != nil || s.LogStore != store {
			t.Errorf("without the flag: got %+v", s)
		}
		c.awaitKeys(acked, n)
	})
}

// A candidate that lies is found out on every node, and nobody is told its lies.
func TestShadowOfALiar(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "wal", append(append([]string{"-shadow-log-store=lying"}, busyLog...), fast...)...)
	c.program = faultyStores(t)
	c.found()
	for range 2 {
		c.join(c.nodes[0])
	}
	for _, n := range c.nodes {
		n.awaitReady()
	}
	w := startWriting("key", c.nodes...)
	w.awaitMore(t, 200)
	kill9(c.leader())
	w.awaitMore(t, 50)
	for _, n := range c.nodes {
		if !n.running() {
			n.start()
			n.awaitReady()
		}
	}
	w.awaitMore(t, 200)
	acked := w.stop()
	c.awaitKeys(acked, c.nodes...)
	c.awaitSameState()
	for _, n := range c.nodes {
		s := n.awaitShadow()
		if !s.On || s.Differences == 0 || len(s.Examples) == 0 || !strings.Contains(s.Examples[0], "term") {
			t.Errorf("%s: got %+v", n.id, *s)
		}
		if !strings.Contains(n.stderr.String(), "the shadow log store differs") {
			t.Errorf("%s logged nothing of it:\n%s", n.id, n.tail())
		}
	}
}

// A candidate that cannot work is told of, and leaves the node alone.
func TestShadowThatDoesNotOpen(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "bolt", "-shadow-log-store=wal")
	n := c.found()
	n.put("user1", "batman")
	kill9(n)
	dir := filepath.Join(n.dir, "shadow")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "a file")
	n.start()
	c.awaitKey("user1", "batman", n)
	n.put("user2", "robin")
	await(t, "the node to tell that there is no candidate", func() error {
		if s := n.mustStatus().Shadow; s == nil || s.On || !strings.Contains(s.Reason, "it does not open") {
			return fmt.Errorf("got %+v", s)
		}
		return nil
	})
	if code := n.term(); code != 0 {
		t.Errorf("it ended with %d:\n%s", code, n.tail())
	}
}

// What only the candidate knows to be wrong is refused as the user's mistake.
func TestShadowWithAWrongSetting(t *testing.T) {
	t.Parallel()
	_, port, err := net.SplitHostPort(freeAddr(t))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	runIn(t, dir, errorsOnly, "-haddr=localhost:"+port, "-raddr="+freeAddr(t), "-shadow-log-store=wal:segmnt=1MiB", "./data").
		expect(t, 2, "-shadow-log-store=wal", "segmnt")
	if left := tree(t, filepath.Join(dir, "data")); len(left) != 0 {
		t.Errorf("it left %v", left)
	}
}
