package process_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"testing"
)

func TestTerminatedLeaderHandsOver(t *testing.T) {
	eachStore(t, func(t *testing.T, store string) {
		c := startCluster(t, store, 3, fast...)
		acked := make(map[string]string)
		for round := range 3 {
			w := startWriting(fmt.Sprint("round", round), c.nodes...)
			w.awaitMore(t, 20)
			leader := c.leader()
			if code := leader.term(); code != 0 {
				t.Errorf("the leader ended with %d:\n%s", code, leader.tail())
			}
			if c.leader() == leader {
				t.Error("the stopped node still leads")
			}
			w.awaitMore(t, 20)
			leader.start()
			maps.Copy(acked, w.stop())
		}
		c.awaitKeys(acked, c.nodes...)
		c.awaitSameState()
	})
}

// A request that a node has begun to serve is finished, at the leader and at a
// follower that passes it on.
func TestTerminatedNodeFinishesRequests(t *testing.T) {
	eachStore(t, func(t *testing.T, store string) {
		c := startCluster(t, store, 3, steady...)
		for _, n := range []*node{c.follower(), c.leader()} {
			key := "slow-" + n.id
			r := n.beginWrite(t, object(key, "written"))
			n.terminate(t)
			await(t, n.id+" to take no more requests", func() error {
				conn, err := net.Dial("tcp", n.haddr)
				if err == nil {
					return fmt.Errorf("it took a connection: %w", conn.Close())
				}
				return nil
			})
			if status := r.finish(t); status != http.StatusOK {
				t.Errorf("the request in flight at %s was answered %d", n.id, status)
			}
			if code := n.code(t); code != 0 {
				t.Errorf("%s ended with %d:\n%s", n.id, code, n.tail())
			}
			c.awaitKey(key, "written", c.running()...)
			n.start()
			c.leader()
		}
		c.awaitSameState()
	})
}

// A client that takes its time keeps a leader from ending, and nobody else from
// writing.
func TestTerminatedLeaderHandsOverDespiteASlowRequest(t *testing.T) {
	eachStore(t, func(t *testing.T, store string) {
		c := startCluster(t, store, 3, steady...)
		leader := c.leader()
		r := leader.beginWrite(t, object("slow", "written"))
		leader.terminate(t)
		rest := others(c.nodes, leader)
		await(t, "another leader", func() error {
			s, err := rest[0].status()
			if err == nil && (s.Leader == nil || s.Leader.ID == leader.id) {
				err = fmt.Errorf("the leader is %v", s.Leader)
			}
			return err
		})
		if !leader.running() {
			t.Error("it handed over only when it ended")
		}
		rest[0].put("meanwhile", "written")
		status := r.finish(t)
		if code := leader.code(t); code != 0 {
			t.Errorf("%s ended with %d:\n%s", leader.id, code, leader.tail())
		}
		c.awaitKey("meanwhile", "written", rest...)
		switch status {
		case http.StatusOK:
			c.awaitKey("slow", "written", rest...)
		case http.StatusServiceUnavailable: // it had not heard yet who leads now
			if err := rest[0].lacks("slow"); err != nil {
				t.Errorf("a write that was answered %d: %v", status, err)
			}
		default:
			t.Errorf("the slow request was answered %d", status)
		}
	})
}

// A slowWrite is a write whose body is held back.
type slowWrite struct {
	conn  net.Conn
	reads *bufio.Reader
	body  string
}

// beginWrite sends the head of a write and waits until the node asks for its
// body, and so has begun to serve it.
func (n *node) beginWrite(t *testing.T, body string) *slowWrite {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(context.Background(), "tcp", n.haddr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // it may be closed already
	_, err = fmt.Fprintf(conn, "POST /key HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", n.haddr, len(body))
	if err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	for _, want := range []string{"HTTP/1.1 100 Continue\r\n", "\r\n"} {
		if line, err := r.ReadString('\n'); err != nil || line != want {
			t.Fatalf("%s answered %q, %v", n.id, line, err)
		}
	}
	return &slowWrite{conn, r, body}
}

// finish sends the body and returns the status of the answer.
func (w *slowWrite) finish(t *testing.T) int {
	t.Helper()
	if _, err := io.WriteString(w.conn, w.body); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(w.reads, nil)
	if err != nil {
		t.Fatalf("the answer: %v", err)
	}
	_ = resp.Body.Close() // only the status is wanted
	return resp.StatusCode
}

// All nodes of a cluster are stopped one after the other, down to the last,
// which has nobody to hand over to, and come back.
func TestTerminatedClusterComesBack(t *testing.T) {
	eachStore(t, func(t *testing.T, store string) {
		c := startCluster(t, store, 3, fast...)
		c.nodes[0].put("user1", "batman")
		c.awaitKey("user1", "batman", c.nodes...)
		for _, n := range c.nodes {
			if code := n.term(); code != 0 {
				t.Errorf("%s ended with %d:\n%s", n.id, code, n.tail())
			}
		}
		c.startAll(c.nodes...)
		c.awaitKey("user1", "batman", c.nodes...)
		c.nodes[0].put("user2", "robin")
	})
}

func TestTerminatedWhileWaitingToJoin(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "")
	n := c.node()
	if err := n.launch("-join", freeAddr(t)); err != nil {
		t.Fatal(err)
	}
	await(t, "the node to wait for its cluster", func() error {
		a, err := n.do(http.MethodGet, "/readyz", "")
		if err != nil {
			return err
		}
		if a.status != http.StatusServiceUnavailable || !strings.Contains(a.body, "waiting to join") {
			return fmt.Errorf("GET /readyz: %v", a)
		}
		return nil
	})
	if a := n.ask(http.MethodGet, "/healthz", ""); a.status != http.StatusOK {
		t.Errorf("GET /healthz while it waits: %v", a)
	}
	if err := n.ask(http.MethodPost, "/key", `{"a":"b"}`).is(http.StatusServiceUnavailable, "starting"); err != nil {
		t.Error(err)
	}
	if code := n.term(); code != 0 {
		t.Errorf("it ended with %d:\n%s", code, n.tail())
	}
}

// A connection that a client keeps for later, and never used, holds nothing up
// and is told.
func TestTerminatedWithAnUnusedConnection(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "")
	n := c.found()
	conn, err := net.Dial("tcp", n.haddr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	n.put("user1", "batman") // by now the other connection was accepted
	if code := n.term(); code != 0 {
		t.Errorf("it ended with %d:\n%s", code, n.tail())
	}
	if strings.Contains(n.stderr.String(), "cut off") {
		t.Errorf("it took the connection for a request:\n%s", n.tail())
	}
	if got, err := conn.Read(make([]byte, 1)); err == nil || got != 0 {
		t.Errorf("read %d bytes, %v, want the connection's end", got, err)
	}
}
