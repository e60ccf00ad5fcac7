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
}

// contacts remembers, for each peer, the newest request that it acknowledged.
// The time is that of sending: an acknowledgement proves nothing later than
// that.
type contacts struct {
	mu sync.Mutex
	m  map[raft.ServerID]contact
}

func (c *contacts) note(id raft.ServerID, sent time.Time, lastIndex uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m == nil {
		c.m = make(map[raft.ServerID]contact)
	}
	if last, ok := c.m[id]; !ok || sent.After(last.sent) {
		c.m[id] = contact{sent, lastIndex}
	}
}

func (c *contacts) last(id raft.ServerID) contact {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.m[id]
}

// forget drops every contact: those of an earlier term say nothing of this one.
func (c *contacts) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.m = nil
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
		w.contacts.note(id, sent, resp.LastLog)
	}
	return err
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
