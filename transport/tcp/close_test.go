package tcp

import (
	"errors"
	"net"
	"sync"
	"testing"

	"github.com/hashicorp/raft"
	"go.uber.org/goleak"

	"github.com/forkbikash/keyval/transport"
)

// TestCloseUnblocksEverything closes the transport at both ends of everything
// that may wait: a request, a pipeline nobody drains, a handler, a connection
// that does not introduce itself, a dial that is not answered.
func TestCloseUnblocksEverything(t *testing.T) {
	for _, closeFirst := range []string{"the caller", "the called"} {
		t.Run(closeFirst, func(t *testing.T) {
			noLeak(t)
			a, b := open(t, transport.Config{ID: "a"}), open(t, transport.Config{ID: "b"})
			silent, err := net.Listen("tcp", "127.0.0.1:0") // never accepts
			if err != nil {
				t.Fatal(err)
			}
			defer silent.Close()
			dialRaw(t, b)

			var calls sync.WaitGroup
			calls.Go(func() { // never answered: nobody consumes
				if err := vote(a, b.LocalAddr()); err == nil {
					t.Error("a vote came from a closed transport")
				}
			})
			calls.Go(func() {
				if err := vote(a, raft.ServerAddress(silent.Addr().String())); err == nil {
					t.Error("a vote came from a silent peer")
				}
			})
			p, err := a.AppendEntriesPipeline("b", b.LocalAddr())
			if err != nil {
				t.Fatal(err)
			}
			calls.Go(func() { // blocks once the pipeline is full, as its consumer sleeps
				for {
					if _, err := p.AppendEntries(someEntries(), new(raft.AppendEntriesResponse)); err != nil {
						return
					}
				}
			})
			waitUntil(t, "three connections to b, one not introduced", func() bool {
				b.layer.mu.Lock()
				defer b.layer.mu.Unlock()
				return b.layer.inbound == 3 && len(b.layer.waiting) == 1
			})

			order := []*network{a, b}
			if closeFirst == "the called" {
				order = []*network{b, a}
			}
			for _, n := range order {
				if err := n.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			}
			calls.Wait()
			checkClosed(t, a, b.LocalAddr())
			checkClosed(t, b, a.LocalAddr())
		})
	}
}

// noLeak checks, after all cleanups that the test registers later, that no
// goroutine of the test is left.
func noLeak(t *testing.T) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
}

func checkClosed(t *testing.T, n *network, peer raft.ServerAddress) {
	t.Helper()
	if err := n.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	n.layer.mu.Lock()
	if len(n.layer.conns) != 0 || n.layer.inbound != 0 {
		t.Errorf("%d connections are left, %d of them inbound", len(n.layer.conns), n.layer.inbound)
	}
	n.layer.mu.Unlock()
	if err := vote(n, peer); !errors.Is(err, raft.ErrTransportShutdown) {
		t.Errorf("a request after Close: got %v, want %v", err, raft.ErrTransportShutdown)
	}
	if _, err := n.AppendEntriesPipeline("peer", peer); !errors.Is(err, raft.ErrTransportShutdown) {
		t.Errorf("a pipeline after Close: got %v, want %v", err, raft.ErrTransportShutdown)
	}
	if _, err := n.layer.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept after Close: got %v, want %v", err, net.ErrClosed)
	}
}

// TestCloseCutsPooledConnections: raft keeps both ends of an idle connection
// open when it closes.
func TestCloseCutsPooledConnections(t *testing.T) {
	noLeak(t)
	var book logBook
	a := open(t, transport.Config{ID: "a", Logger: book.logger()})
	b := open(t, transport.Config{ID: "b", Logger: book.logger()})
	serve(t, b, grantVotes)
	if err := vote(a, b.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(a.Close(), b.Close()); err != nil {
		t.Fatal(err)
	}
	for _, n := range []*network{a, b} {
		if len(n.layer.conns) != 0 {
			t.Errorf("%s has %d connections left", n.LocalAddr(), len(n.layer.conns))
		}
	}
	if lines := append(book.having("level=ERROR"), book.having("level=WARN")...); len(lines) != 0 {
		t.Errorf("an orderly Close complains: %q", lines)
	}
}

func TestAddressIsFreeAfterClose(t *testing.T) {
	bind := freeAddr(t)
	peer := open(t, transport.Config{ID: "peer"})
	for i := range 3 {
		n, err := Open(transport.Config{ID: "n", Bind: bind})
		if err != nil {
			t.Fatalf("opening %d: %v", i, err)
		}
		answered := make(chan struct{})
		go func() {
			defer close(answered)
			grantVotes(<-n.Consumer())
		}()
		// The pool may hold a connection to the one before, which fails once.
		waitUntil(t, "a vote of the peer that came back", func() bool { return vote(peer, n.LocalAddr()) == nil })
		<-answered
		if err := n.Close(); err != nil {
			t.Fatalf("closing %d: %v", i, err)
		}
	}
}

func TestConcurrentCalls(t *testing.T) {
	a, b := open(t, transport.Config{ID: "a"}), open(t, transport.Config{ID: "b"})
	serve(t, b, grantVotes)
	var calls sync.WaitGroup
	for range 16 {
		calls.Go(func() {
			for range 20 {
				if err := vote(a, b.LocalAddr()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	calls.Wait()
	a.CloseStreams()
	if err := vote(a, b.LocalAddr()); err != nil {
		t.Errorf("after CloseStreams: %v", err)
	}
}
