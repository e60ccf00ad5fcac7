package node

import (
	"errors"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/core/command"
)

// PeerHTTPAddrs lists where the other members may answer HTTP. A node that just
// started has applied nothing after its snapshot, since only a leader tells what
// is committed; what it does not know yet it looks up in its log, committed or
// not. So it can find a cluster that sends it nothing, because it was removed or
// has moved.
func (n *Node) PeerHTTPAddrs() []string {
	known := make(map[string]string)
	complete := true
	for _, s := range n.servers() {
		id := string(s.ID)
		known[id] = n.peer(id, "").HTTPAddr
		complete = complete && known[id] != ""
	}
	if !complete {
		n.readHTTPAddrs(known)
	}
	var addrs []string
	for _, s := range n.servers() {
		if addr := known[string(s.ID)]; s.ID != n.raftID() && addr != "" {
			addrs = append(addrs, addr)
		}
	}
	return addrs
}

// readHTTPAddrs notes for each member in the log the newest address there.
func (n *Node) readHTTPAddrs(known map[string]string) {
	first, err := n.cfg.Store.FirstIndex()
	if err != nil || first == 0 {
		return
	}
	last, err := n.cfg.Store.LastIndex()
	if err != nil {
		return
	}
	for i := first; i <= last; i++ {
		var l raft.Log
		if err := n.cfg.Store.GetLog(i, &l); errors.Is(err, raft.ErrLogNotFound) {
			continue // compacted meanwhile
		} else if err != nil {
			n.log.Debug("looking for addresses in the log", "index", i, "error", err)
			return
		}
		if l.Type != raft.LogCommand {
			continue
		}
		commands, err := command.Decode(l.Data)
		if err != nil {
			return // the state machine says so when it comes to it
		}
		for _, c := range commands {
			if m := c.GetSetMember().GetMember(); m.GetHttpAddr() != "" {
				known[m.GetId()] = m.GetHttpAddr()
			}
		}
	}
}
