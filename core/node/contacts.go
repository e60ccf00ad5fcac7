package node

import (
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// contact is what the last acknowledged AppendEntries tells of a peer.
type contact struct {
	sent      time.Time // when the request that was acknowledged left
	lastIndex uint64    // the peer's last log index when it answered
	matched   bool      // its log was once compared with the leader's, and agreed
}

// contacts remembers, for each peer, the newest request that it acknowledged in
// the newest term: those of an earlier term say nothing of this one. The time is
// that of sending: an acknowledgement proves nothing later than that.
type contacts struct {
	mu   sync.Mutex
	term uint64
	m    map[raft.ServerID]contact
}

// note remembers that id acknowledged args. A heartbeat compares no logs: only a
// request that replicates does.
func (c *contacts) note(id raft.ServerID, sent time.Time, args *raft.AppendEntriesRequest, lastIndex uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if args.Term < c.term {
		return
	}
	if args.Term > c.term || c.m == nil {
		c.term, c.m = args.Term, make(map[raft.ServerID]contact)
	}
	last := c.m[id]
	last.matched = last.matched || !isHeartbeat(args)
	if sent.After(last.sent) {
		last.sent, last.lastIndex = sent, lastIndex
	}
	c.m[id] = last
}

func (c *contacts) last(id raft.ServerID) contact {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.m[id]
}

// forget drops what is known of a peer: another is about to have its id.
func (c *contacts) forget(id raft.ServerID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.m, id)
}

// watch wraps t so that c sees its acknowledgements. Heartbeats go through
// AppendEntries too, several in each heartbeat timeout, so the pipeline need
// not be watched. The result has the optional interfaces that t has, and mends how
// votes are asked for: see votes.go.
func (c *contacts) watch(t raft.Transport) raft.Transport {
	w := watched{Transport: t, contacts: c}
	pre, ok := t.(raft.WithPreVote)
	if !ok {
		return w
	}
	return watchedPreVote{w, pre}
}

type watched struct {
	raft.Transport
	contacts *contacts
}

func (w watched) AppendEntries(id raft.ServerID, target raft.ServerAddress, args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	sent := time.Now()
	err := w.Transport.AppendEntries(id, target, args, resp)
	if err == nil && resp.Success {
		w.contacts.note(id, sent, args, resp.LastLog)
	}
	return err
}

// isHeartbeat tells a heartbeat as hashicorp/raft does (decodeRPC in its
// net_transport.go).
func isHeartbeat(args *raft.AppendEntriesRequest) bool {
	return args.PrevLogEntry == 0 && args.PrevLogTerm == 0 && len(args.Entries) == 0 && args.LeaderCommitIndex == 0
}

// Close forwards raft.WithClose, which Raft's shutdown looks for.
func (w watched) Close() error {
	if c, ok := w.Transport.(raft.WithClose); ok {
		return c.Close()
	}
	return nil
}

type watchedPreVote struct {
	watched
	raft.WithPreVote
}
