package process_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/forkbikash/keyval/client/api"
)

func TestRefusedJoinsLeaveTheClusterAsItWas(t *testing.T) {
	eachStore(t, func(t *testing.T, store string) {
		c := startCluster(t, store, 3, steady...) // by the heartbeat timeout it is judged whether a member lives
		c.nodes[0].put("user1", "batman")
		before := c.members(c.nodes...)
		asked := c.follower()
		member := others(c.nodes, asked)[0]

		n := c.node()
		n.id = member.id
		if err := n.launch(errorsOnly, "-join", asked.haddr); err != nil {
			t.Fatal(err)
		}
		n.expectRefused(t, member.id, "-id")
		n.id = "node3"
		for _, flag := range []string{"-raddr-adv=" + member.raddr, "-haddr-adv=" + member.haddr} {
			if err := n.launch(errorsOnly, flag, "-join", asked.haddr); err != nil {
				t.Fatal(err)
			}
			_, addr, _ := strings.Cut(flag, "=")
			n.expectRefused(t, addr, "DELETE /cluster/"+member.id)
		}
		checkSameMembers(t, before, c.members(c.nodes[:3]...))

		// Once it asks rightly, the directory of the refused one will do.
		n.start("-join", asked.haddr)
		c.members(c.nodes...)
		c.awaitKey("user1", "batman", n)
	})
}

// A node that was told to join, and was stopped before the cluster had it, must
// not make a cluster of its own when the flag is forgotten.
func TestNodeThatWasToldToJoinNeverFoundsACluster(t *testing.T) {
	eachStore(t, func(t *testing.T, store string) {
		c := startCluster(t, store, 3, steady...)
		c.nodes[0].put("user1", "batman")
		left := c.follower()
		kill9(others(c.nodes, left)...) // there is no quorum to admit anyone
		n := c.node()
		if err := n.launch("-join", left.haddr); err != nil {
			t.Fatal(err)
		}
		await(t, "the cluster's id in the marker", func() error {
			b, err := os.ReadFile(filepath.Join(n.dir, "keyval.json"))
			if err == nil && !strings.Contains(string(b), left.mustStatus().ClusterID) {
				err = fmt.Errorf("it is %s", b)
			}
			return err
		})
		kill9(n)
		if err := n.launch(errorsOnly); err != nil {
			t.Fatal(err)
		}
		result{n.code(t), n.stdout.String(), n.stderr.String()}.expect(t, 1, "told to join", "-join")
		c.startAll(others(c.nodes, left, n)...)
		n.start("-join", left.haddr)
		c.awaitKey("user1", "batman", n)
	})
}

// expectRefused waits for the end of the node's process, which the cluster
// refused.
func (n *node) expectRefused(t *testing.T, words ...string) {
	t.Helper()
	result{n.code(t), n.stdout.String(), n.stderr.String()}.expect(t, 1, append(words, "refused the join")...)
}

// checkSameMembers compares all but who leads and when.
func checkSameMembers(t *testing.T, before, after api.Cluster) {
	t.Helper()
	list := func(c api.Cluster) string {
		var b strings.Builder
		for _, m := range c.Members {
			fmt.Fprintln(&b, m.ID, m.RaftAddr, m.HTTPAddr, m.LogStore, m.Incarnation)
		}
		return c.ClusterID + "\n" + b.String()
	}
	if list(before) != list(after) {
		t.Errorf("the members are now\n%s\nand were\n%s", list(after), list(before))
	}
}

// A member that is counted and cannot be reached would take the quorum from a
// cluster of one, and bring one of two to the brink.
func TestJoinThatNobodyAnswersLeavesTheQuorum(t *testing.T) {
	t.Parallel()
	for size := 1; size <= 2; size++ {
		t.Run(fmt.Sprint("of ", size), func(t *testing.T) {
			t.Parallel()
			c := startCluster(t, "", size, steady...)
			c.nodes[0].put("user1", "batman")
			w := startWriting("key", c.nodes...)
			// The same as a node's own mistake, which it can mend.
			n := c.node()
			if err := n.launch(errorsOnly, "-raddr-adv", freeAddr(t), "-join", c.nodes[0].haddr); err != nil {
				t.Fatal(err)
			}
			body := fmt.Sprintf(`{"id":"ghost","addr":%q}`, freeAddr(t))
			await(t, "the ghost to be refused", func() error { // an election in between leaves it to the next leader
				a := c.nodes[0].ask(http.MethodPost, "/join", body)
				return a.is(http.StatusUnprocessableEntity, "unreachable")
			})
			n.expectRefused(t, n.id, "-raddr-adv")
			w.awaitMore(t, 20)
			c.awaitKeys(w.stop(), c.nodes[:size]...)
			c.members(c.nodes[:size]...)
			n.start("-join", c.nodes[0].haddr)
			c.members(c.nodes...)
			c.awaitKey("user1", "batman", n)
		})
	}
}

func TestJoinAtARaftAddress(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "")
	founder := c.found()
	n := c.node()
	if err := n.launch(errorsOnly, "-join", founder.raddr); err != nil {
		t.Fatal(err)
	}
	result{n.code(t), n.stdout.String(), n.stderr.String()}.expect(t, 1, "is not a keyval node", "Raft address")
	c.members(founder)
}

func TestMalformedJoins(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "")
	n := c.found()
	for body, code := range map[string]string{
		"":                                "malformed_json",
		"{":                               "malformed_json",
		`[]`:                              "invalid_type",
		`{"id":1,"addr":"a:1"}`:           "invalid_type",
		`{"id":"a"}`:                      "invalid_join",
		`{"addr":"a:1"}`:                  "invalid_join",
		`{"id":"a/b","addr":"a:1"}`:       "invalid_join", // as -id has it
		`{"id":"-a","addr":"a:1"}`:        "invalid_join",
		`{"id":"a","addr":"a:1","x":}`:    "malformed_json",
		`{"id":"a","addr":"a:1","x":1}`:   "unknown_field",
		`{"id":"a","addr":"192.0.2.1:1"}`: "invalid_join", // loopback cannot reach it
	} {
		if err := n.ask(http.MethodPost, "/join", body).is(http.StatusBadRequest, code); err != nil {
			t.Errorf("%s: %v", body, err)
		}
	}
	a := n.ask(http.MethodPost, "/join", `{"id":"a","addr":"localhost:9","cluster_id":"another"}`)
	if err := a.is(http.StatusConflict, "other_cluster"); err != nil {
		t.Error(err)
	}
	c.members(n)
}

func TestJoinToSomethingElse(t *testing.T) {
	t.Parallel()
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "<!doctype html><title>It works!</title>") // the node reads it or not
	}))
	t.Cleanup(page.Close)
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "{}")
	}))
	t.Cleanup(other.Close)
	missing := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(missing.Close)
	for name, addr := range map[string]string{
		"HTML":    strings.TrimPrefix(page.URL, "http://"),
		"JSON":    strings.TrimPrefix(other.URL, "http://"),
		"404":     strings.TrimPrefix(missing.URL, "http://"),
		"no HTTP": babble(t),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			args := []string{errorsOnly, "-haddr", freeAddr(t), "-raddr", freeAddr(t)}
			runIn(t, dir, append(args, "-join", addr, "./data")...).expect(t, 1, addr, "not a keyval node", "-join")

			// A good address beside it is found.
			c := newCluster(t, "", fast...)
			n := c.found()
			joins := c.node()
			joins.start("-join", addr+","+n.haddr)
			c.members(n, joins)
		})
	}
}

// babble is the address of a server that speaks no protocol.
func babble(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, "\x00\x17SSH or something\r\n\r\n") // whoever called may be gone
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close() // which ends the server
		<-done
	})
	return l.Addr().String()
}
