package tcp

import (
	"fmt"
	"net"
	"reflect"
	"strings"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/transport"
)

func TestSplitID(t *testing.T) {
	for _, tt := range []struct {
		id     raft.ServerID
		target raft.ServerAddress
	}{
		{"node1", "localhost:12000"},
		{"[::1]:12000", "[::1]:12000"},
		{"", "localhost:12000"},
		{"a\x00b", "localhost:12000"},
	} {
		if id, target := splitID(withID(tt.id, tt.target)); id != string(tt.id) || target != string(tt.target) {
			t.Errorf("%q at %q came back as %q at %q", tt.id, tt.target, id, target)
		}
	}
}

// TestEveryRequestIsForOneNode calls all that raft's interfaces name a node in, so
// that none added to them is forgotten.
func TestEveryRequestIsForOneNode(t *testing.T) {
	a, b := open(t, transport.Config{ID: "a"}), open(t, transport.Config{ID: "b"})
	serve(t, b, func(rpc raft.RPC) {
		t.Errorf("raft got %T", rpc.Command)
		rpc.Respond(nil, nil)
	})
	id, target := reflect.TypeFor[raft.ServerID](), reflect.TypeFor[raft.ServerAddress]()
	want := fmt.Sprintf("%s is node b, not c", b.LocalAddr())
	called := 0
	for _, face := range []reflect.Type{reflect.TypeFor[raft.Transport](), reflect.TypeFor[raft.WithPreVote]()} {
		for m := range face.Methods() {
			in := m.Type
			if in.NumIn() < 2 || in.In(0) != id || in.In(1) != target || in.Out(in.NumOut()-1) != reflect.TypeFor[error]() {
				continue
			}
			args := []reflect.Value{reflect.ValueOf(raft.ServerID("c")), reflect.ValueOf(b.LocalAddr())}
			for i := 2; i < in.NumIn(); i++ {
				if in.In(i).Kind() == reflect.Pointer {
					args = append(args, reflect.New(in.In(i).Elem()))
					continue
				}
				args = append(args, reflect.ValueOf(strings.NewReader("")))
			}
			out := reflect.ValueOf(a).MethodByName(m.Name).Call(args)
			if err, _ := out[len(out)-1].Interface().(error); err == nil || err.Error() != want {
				t.Errorf("%s: got %v, want %s", m.Name, err, want)
			}
			called++
		}
	}
	if called < 6 {
		t.Errorf("%d requests were tried, raft has at least 6", called)
	}
}

// TestPeerUnderAnotherID: a pooled connection to b is none to c at that address.
func TestPeerUnderAnotherID(t *testing.T) {
	var logA, logB logBook
	a := open(t, transport.Config{ID: "a", Logger: logA.logger()})
	b := open(t, transport.Config{ID: "b", Logger: logB.logger()})
	serve(t, b, grantVotes)
	want := fmt.Sprintf("%s is node b, not c", b.LocalAddr())
	for range 3 {
		if err := voteOf("b", a, b.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		if err := voteOf("c", a, b.LocalAddr()); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	logA.wait(t, "level=WARN", "cannot talk to a peer", "peer="+string(b.LocalAddr()), "is node b, not c")
	logB.wait(t, "level=WARN", "refused a connection", "node=a", "looks for node c, this is node b")
	if lines := logA.having("cannot talk to a peer"); len(lines) != 1 {
		t.Errorf("three tries made %d lines: %q", len(lines), lines)
	}
}

// TestAliasOfThisNode: another spelling of its own address leads a node to itself.
func TestAliasOfThisNode(t *testing.T) {
	var book logBook
	n := open(t, transport.Config{ID: "n", Bind: "localhost:0", Advertise: freeAddr(t), Logger: book.logger()})
	serve(t, n, func(rpc raft.RPC) { t.Errorf("the node sent itself %T", rpc.Command) })
	_, port, err := net.SplitHostPort(n.layer.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	alias := "localhost:" + port
	for want, says := range map[string]string{
		"x": alias + " is node n, not x: the address leads to this node itself",
		"":  alias + " is node n: the address leads to this node itself",
		"n": alias + " is node n: the address leads to this node itself",
	} {
		if err := voteOf(raft.ServerID(want), n, raft.ServerAddress(alias)); err == nil || !strings.HasPrefix(err.Error(), says) {
			t.Errorf("looking for %q: got %v, want %s", want, err, says)
		}
	}
	book.wait(t, "level=WARN", "refused a connection", "says that it is node n, which this node is")
}

func TestAddressThatChangesHands(t *testing.T) {
	bind := freeAddr(t)
	a := open(t, transport.Config{ID: "a"})
	for _, turn := range [][2]raft.ServerID{{"b", "c"}, {"c", "b"}, {"b", "c"}} {
		id, other := turn[0], turn[1]
		n, err := Open(transport.Config{ID: string(id), Bind: bind})
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			grantVotes(<-n.Consumer())
		}()
		// The pool may hold a connection to the node before, which fails once.
		waitUntil(t, "a vote of "+string(id), func() bool { return voteOf(id, a, n.LocalAddr()) == nil })
		<-done
		want := fmt.Sprintf("%s is node %s, not %s", bind, id, other)
		waitUntil(t, want, func() bool {
			err := voteOf(other, a, n.LocalAddr())
			return err != nil && err.Error() == want
		})
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestNoIDsToCompare is how a program without ids in its transports goes on.
func TestNoIDsToCompare(t *testing.T) {
	for _, tt := range []struct{ dialer, wanted, acceptor string }{
		{"a", "b", ""}, {"a", "", "b"}, {"", "b", "b"}, {"", "", ""}, {"", "", "b"}, {"", "b", ""},
	} {
		t.Run(fmt.Sprintf("%q wants %q and finds %q", tt.dialer, tt.wanted, tt.acceptor), func(t *testing.T) {
			a, b := open(t, transport.Config{ID: tt.dialer}), open(t, transport.Config{ID: tt.acceptor})
			serve(t, b, grantVotes)
			if err := voteOf(raft.ServerID(tt.wanted), a, b.LocalAddr()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestIDThatNoNodeHas(t *testing.T) {
	a := open(t, transport.Config{ID: "a"})
	for id, want := range map[string]string{
		"x\x00y":                        `the node id "x\x00y" is not printable text`,
		strings.Repeat("x", maxIDLen+1): "the node id has 513 bytes, the limit is 512",
	} {
		if err := voteOf(raft.ServerID(id), a, a.LocalAddr()); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
