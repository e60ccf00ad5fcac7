package tcp

import (
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"go.uber.org/goleak"

	"github.com/forkbikash/keyval/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// freeAddr is a loopback address that nobody listened at a moment ago.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// open opens a transport that ends with the test. An empty Bind is filled in.
func open(t *testing.T, c transport.Config) *network {
	t.Helper()
	if c.Bind == "" {
		c.Bind = freeAddr(t)
	}
	opened, err := Open(c)
	if err != nil {
		t.Fatalf("Open(%+v): %v", c, err)
	}
	t.Cleanup(func() {
		if err := opened.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return opened.(*network)
}

// serve answers the requests that reach n with handle until the test ends.
func serve(t *testing.T, n *network, handle func(raft.RPC)) {
	t.Helper()
	done := make(chan struct{})
	var loop sync.WaitGroup
	loop.Go(func() {
		for {
			select {
			case rpc := <-n.Consumer():
				handle(rpc)
			case <-done:
				return
			}
		}
	})
	t.Cleanup(func() { close(done); loop.Wait() })
}

// vote asks whoever is at target for a vote that the handler of grantVotes
// gives: the shortest proof that two transports talk.
func vote(from *network, target raft.ServerAddress) error { return voteOf("", from, target) }

// voteOf asks the node id at target.
func voteOf(id raft.ServerID, from *network, target raft.ServerAddress) error {
	var resp raft.RequestVoteResponse
	return from.RequestVote(id, target, &raft.RequestVoteRequest{Term: 1}, &resp)
}

func grantVotes(rpc raft.RPC) { rpc.Respond(&raft.RequestVoteResponse{Granted: true}, nil) }

// waitUntil waits for what is bound to happen; the limit only ends a broken test.
func waitUntil(t *testing.T, what string, happened func() bool) {
	t.Helper()
	limit := time.After(30 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !happened() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// logBook keeps what a transport logs.
type logBook struct {
	mu    sync.Mutex
	lines []string
}

func (b *logBook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, strings.TrimSpace(string(p)))
	return len(p), nil
}

func (b *logBook) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// having returns the lines that contain all parts.
func (b *logBook) having(parts ...string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var found []string
	for _, line := range b.lines {
		all := true
		for _, part := range parts {
			all = all && strings.Contains(line, part)
		}
		if all {
			found = append(found, line)
		}
	}
	return found
}

// wait waits for a line that contains all parts.
func (b *logBook) wait(t *testing.T, parts ...string) {
	t.Helper()
	waitUntil(t, "a log line with "+strings.Join(parts, ", "), func() bool { return len(b.having(parts...)) > 0 })
}
