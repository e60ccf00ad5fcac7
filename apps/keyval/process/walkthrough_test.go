package process_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"
)

// The walkthrough of the README, with the timings that users have.
func TestWalkthrough(t *testing.T) {
	eachStore(t, func(t *testing.T, store string) {
		c := newCluster(t, store)
		node0 := c.found()
		if err := node0.tryPut("user1", "batman"); err != nil {
			t.Errorf("the first write to a node that serves: %v", err)
		}
		a := node0.ask(http.MethodGet, "/key/user1", "")
		if a.status != http.StatusOK || a.body != `{"user1":"batman"}`+"\n" {
			t.Errorf("GET /key/user1: %v", a)
		}

		node1, node2 := c.join(node0), c.join(node0)
		c.members(c.nodes...)
		c.awaitKey("user1", "batman", c.nodes...)

		node0.put("user2", "robin")
		c.awaitKey("user2", "robin", c.nodes...)
		c.follower().put("user3", "alfred") // forwarded
		c.awaitKey("user3", "alfred", c.nodes...)

		deleteKey(t, node1, "user2")
		for _, n := range c.nodes {
			await(t, "user2 to be gone at "+n.id, func() error { return n.lacks("user2") })
		}
		if err := node2.ask(http.MethodGet, "/key/never", "").is(http.StatusNotFound, "key_not_found"); err != nil {
			t.Error(err)
		}
		node0.put("empty", "")
		c.awaitKey("empty", "", c.nodes...) // not the same as missing

		loseLeader(t, c, false)
		loseLeader(t, c, true)
	})
}

func deleteKey(t *testing.T, n *node, key string) {
	t.Helper()
	await(t, "the deletion of "+key, func() error {
		a, err := n.do(http.MethodDelete, "/key/"+key, "")
		if err != nil {
			return err
		}
		return a.is(http.StatusOK, "")
	})
}

// loseLeader kills the leader while the others are read, has the new one take
// writes, and brings the old one back.
func loseLeader(t *testing.T, c *cluster, rejoin bool) {
	t.Helper()
	lost := c.leader()
	rest := others(c.nodes, lost)
	reads := startReading("user1", "batman", rest)

	kill9(lost)
	leader := c.leader()
	if leader == lost {
		t.Fatalf("%s leads and is dead", lost.id)
	}
	key := fmt.Sprintf("without-%s-%v", lost.id, rejoin)
	for _, n := range rest {
		n.put(key+"-"+n.id, "written")
	}
	reads.stop(t)

	if rejoin {
		lost.start("-join", leader.haddr)
	} else {
		lost.start()
	}
	lost.awaitReady()
	for _, n := range rest {
		c.awaitKey(key+"-"+n.id, "written", c.nodes...)
	}
	c.members(c.nodes...)
}

// reads are readers that read one key from several nodes again and again.
type reads struct {
	quit     chan struct{}
	readers  sync.WaitGroup
	mu       sync.Mutex
	count    map[string]int // by node
	failures []string
}

func startReading(key, value string, nodes []*node) *reads {
	r := &reads{quit: make(chan struct{}), count: make(map[string]int)}
	for _, n := range nodes {
		r.readers.Go(func() {
			for {
				err := n.has(key, value)
				r.mu.Lock()
				r.count[n.id]++
				if err != nil {
					r.failures = append(r.failures, err.Error())
				}
				r.mu.Unlock()
				select {
				case <-r.quit:
					return
				case <-time.After(pollInterval / 4): // leaves room for others on a small machine
				}
			}
		})
	}
	return r
}

// stop ends the readers, and fails the test when one read failed.
func (r *reads) stop(t *testing.T) {
	t.Helper()
	close(r.quit)
	r.readers.Wait()
	if len(r.failures) > 0 {
		t.Errorf("%d reads failed of %v, the first with %s", len(r.failures), r.count, r.failures[0])
	}
}
