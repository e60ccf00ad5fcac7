package tcp

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/transport"
)

func TestOtherClusterIsRefused(t *testing.T) {
	var logA, logB logBook
	a := open(t, transport.Config{ID: "a", ClusterID: "red", Logger: logA.logger()})
	b := open(t, transport.Config{ID: "b", ClusterID: "blue", Logger: logB.logger()})
	intruded := func(rpc raft.RPC) { t.Errorf("raft got %T from another cluster", rpc.Command) }
	serve(t, a, intruded)
	serve(t, b, intruded)

	for _, way := range []struct {
		from, to       *network
		fromLog, toLog *logBook
	}{{a, b, &logA, &logB}, {b, a, &logB, &logA}} {
		theirs, ours := way.to.layer.self, way.from.layer.self
		want := fmt.Sprintf("%s belongs to cluster %s, this node to %s", way.to.LocalAddr(), theirs.cluster, ours.cluster)
		for range 3 {
			if err := vote(way.from, way.to.LocalAddr()); err == nil || err.Error() != want {
				t.Errorf("dialer: got %v, want %s", err, want)
			}
		}
		waitUntil(t, "all refusals", func() bool {
			way.to.layer.mu.Lock()
			defer way.to.layer.mu.Unlock()
			return way.to.layer.inbound == 0
		})
		way.toLog.wait(t, "level=WARN", "refused a connection", "peer=127.0.0.1:", "node="+ours.node,
			fmt.Sprintf("belongs to cluster %s, this node to %s", ours.cluster, theirs.cluster))
		way.fromLog.wait(t, "level=WARN", "cannot talk to a peer", "peer="+string(way.to.LocalAddr()))
		if lines := way.toLog.having("refused a connection"); len(lines) != 1 {
			t.Errorf("three tries of one peer made %d lines where it was refused: %q", len(lines), lines)
		}
		if lines := way.fromLog.having("cannot talk to a peer"); len(lines) != 1 {
			t.Errorf("three tries made %d lines where they began: %q", len(lines), lines)
		}
	}
}

func TestClusterIDsThatAgree(t *testing.T) {
	for _, ids := range [][2]string{{"c", "c"}, {"", "c"}, {"c", ""}, {"", ""}} {
		t.Run(fmt.Sprintf("%q to %q", ids[0], ids[1]), func(t *testing.T) {
			a, b := open(t, transport.Config{ID: "a", ClusterID: ids[0]}), open(t, transport.Config{ID: "b", ClusterID: ids[1]})
			serve(t, b, grantVotes)
			if err := vote(a, b.LocalAddr()); err != nil {
				t.Error(err)
			}
		})
	}
}

const inTime = "did not introduce itself in time"

// timeoutFor is a short timeout only where the test waits for it to pass; one that
// is in nobody's way elsewhere.
func timeoutFor(want string) string {
	if strings.Contains(want, "in time") {
		return "timeout=300ms"
	}
	return "timeout=5s"
}

// TestStrangersAreRefused also keeps a good peer talking beside each stranger.
func TestStrangersAreRefused(t *testing.T) {
	tests := []struct {
		name      string
		send      string
		halfClose bool
		want      string
	}{
		{"silent", "", false, inTime + " (0 bytes came)"},
		{"slow", magic[:2], false, inTime + " (2 bytes came)"},
		{"stops within an id", string(wire(9, "half", 0, "")[:prefixLen+4]), false, inTime},
		{"half-closed", "", true, "closed the connection before it had introduced itself"},
		{"half-closed midway", magic, true, "closed the connection before it had introduced itself"},
		{"HTTP", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", false, "speaks HTTP"},
		{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", false, "speaks TLS, this node plain text"},
		{"garbage", strings.Repeat("\xde\xad", 500), false, "does not speak keyval's protocol"},
		{"bare Raft", "\x00\x8a\xa4Term\x01\xa6Leader", false, "does not speak keyval's protocol"},
		{"id too long", string(wire(0xffff, strings.Repeat("x", 4096), 0, "")), false, "claims a cluster id of 65535 bytes"},
		{"greeting of another kind", string(frame{kindAccepted, identity{}, ""}.encode()), false, "greeting of unknown kind 1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var book logBook
			n := open(t, transport.Config{ID: "n", ClusterID: "c", Arg: timeoutFor(tt.want), Logger: book.logger()})
			serve(t, n, grantVotes)
			c := dialRaw(t, n)
			if _, err := io.WriteString(c, tt.send); err != nil {
				t.Fatal(err)
			}
			if tt.halfClose {
				if err := c.CloseWrite(); err != nil {
					t.Fatal(err)
				}
			}
			peer := open(t, transport.Config{ID: "peer", ClusterID: "c"})
			// On a busy machine a short timeout may be too short for it too.
			waitUntil(t, "a vote for a good peer beside it", func() bool { return vote(peer, n.LocalAddr()) == nil })
			// Nothing is told to a stranger, and it is hung up on: EOF, or a reset.
			if got, _ := io.ReadAll(c); len(got) != 0 {
				t.Errorf("it was answered %q", got)
			}
			book.wait(t, "level=WARN", "refused a connection", "peer="+c.LocalAddr().String(), tt.want)
			if lines := book.having("level=ERROR"); len(lines) != 0 {
				t.Errorf("raft heard of it: %q", lines)
			}
		})
	}
}

func TestOtherVersionIsTold(t *testing.T) {
	var book logBook
	n := open(t, transport.Config{ID: "n", ClusterID: "c", Logger: book.logger()})
	c := dialRaw(t, n)
	if _, err := c.Write(append([]byte(magic), version+1, 0, 1, 2, 3, 4, 5)); err != nil {
		t.Fatal(err)
	}
	reply, err := readFrame(c)
	if err != nil || reply.kind != kindOtherVersion || reply.from != (identity{"c", "n"}) {
		t.Errorf("reply: got %+v, %v", reply, err)
	}
	_ = c.Close()
	book.wait(t, "refused a connection", "speaks version 3 of the handshake, this node version 2")
}

// TestStallingPeersMakeRoom opens more silent connections than may wait; the
// oldest go, and a good peer gets through before any deadline has passed.
func TestStallingPeersMakeRoom(t *testing.T) {
	var book logBook
	n := open(t, transport.Config{ID: "n", Logger: book.logger()})
	serve(t, n, grantVotes)
	first := dialRaw(t, n)
	for range maxWaiting + 10 {
		dialRaw(t, n)
	}
	if got, err := io.ReadAll(first); len(got) != 0 {
		t.Errorf("the oldest got %q, %v", got, err)
	}
	book.wait(t, "refused a connection", "had to make room")
	peer := open(t, transport.Config{ID: "peer"})
	if err := vote(peer, n.LocalAddr()); err != nil {
		t.Errorf("a good peer beside them: %v", err)
	}
	n.layer.mu.Lock()
	defer n.layer.mu.Unlock()
	if got := len(n.layer.waiting); got > maxWaiting {
		t.Errorf("%d connections wait, want at most %d", got, maxWaiting)
	}
}

// TestDialingStrangers is the other end: what an address of something else says.
func TestDialingStrangers(t *testing.T) {
	tests := []struct {
		name, answer string
		hold         bool
		want         string
	}{
		{"hangs up", "", false, "closed the connection before it had introduced itself"},
		{"silent", "", true, inTime},
		{"HTTP", "HTTP/1.1 400 Bad Request\r\n\r\n", true, "speaks HTTP"},
		{"SSH", "SSH-2.0-OpenSSH_9.6\r\n", true, "does not speak keyval's protocol"},
		{"newer release", magic + "\x03", true, "speaks version 3 of the handshake, this node version 2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			served := make(chan struct{})
			go func() {
				defer close(served)
				c, err := listener.Accept()
				if err != nil {
					return
				}
				defer c.Close()
				_, _ = io.ReadFull(c, make([]byte, len(frame{kindHello, identity{"", "a"}, ""}.encode())))
				_, _ = io.WriteString(c, tt.answer)
				if tt.hold {
					_, _ = io.Copy(io.Discard, c)
				}
			}()
			t.Cleanup(func() { listener.Close(); <-served })

			a := open(t, transport.Config{ID: "a", Arg: timeoutFor(tt.want)})
			err = vote(a, raft.ServerAddress(listener.Addr().String()))
			if want := listener.Addr().String() + " " + tt.want; err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("got %v, want %s", err, want)
			}
		})
	}
}

func dialRaw(t *testing.T, n *network) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", string(n.LocalAddr()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c.(*net.TCPConn)
}
