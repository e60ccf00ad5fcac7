package node

import (
	"slices"
	"testing"
)

// A node that comes back and hears from nobody has applied nothing, and still
// knows whom to ask.
func TestRestartedNodeKnowsWhereItsPeersAre(t *testing.T) {
	bubble(t, func(t *testing.T, net *network) {
		nodes := net.cluster(3)
		net.leader()
		n := nodes[2]
		net.await("the records of all", func() bool { return len(n.PeerHTTPAddrs()) == 2 && n.Recorded() })
		net.kill(n)
		cfg := n.cfg
		cfg.RaftAddr = "raft-elsewhere" // where nobody sends it anything
		n = net.start(cfg)
		net.isolate(n)
		if m := n.record("n0"); m != nil {
			t.Fatalf("it has applied %v already", m)
		}
		got := n.PeerHTTPAddrs()
		slices.Sort(got)
		if want := []string{"http-n0", "http-n1"}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}
