package tcp

import (
	"io"
	"strings"

	"github.com/hashicorp/raft"
)

// raft says with each request which node it is for and where that node is. Its
// network transport goes by the address alone, to dial and to find a connection
// in its pool, but one address may lead to a node that has another, or belong to
// another node tomorrow. A request that reaches the wrong node does harm: one
// disk would be counted as two, and a leader would take its own heartbeat for
// another leader's. So the address that raft's transport gets here begins with
// the id. Dial takes the two apart and checks who answers, and a connection is
// pooled for that node at that address only.

// idEnd is between the two: no id has it, see checkID.
const idEnd = "\x00"

// withID is the address under which raft's transport knows the node id at target.
// Without an id it is whoever answers there.
func withID(id raft.ServerID, target raft.ServerAddress) raft.ServerAddress {
	if id == "" {
		return target
	}
	return raft.ServerAddress(id) + idEnd + target
}

// splitID undoes withID. An id that has idEnd stays in one piece, for checkID.
func splitID(joined raft.ServerAddress) (id, address string) {
	s := string(joined)
	if i := strings.LastIndex(s, idEnd); i >= 0 {
		return s[:i], s[i+len(idEnd):]
	}
	return "", s
}

// AppendEntries implements raft.Transport. Heartbeats go through it too.
func (n *network) AppendEntries(id raft.ServerID, target raft.ServerAddress, args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	return n.NetworkTransport.AppendEntries(id, withID(id, target), args, resp)
}

// RequestVote implements raft.Transport.
func (n *network) RequestVote(id raft.ServerID, target raft.ServerAddress, args *raft.RequestVoteRequest, resp *raft.RequestVoteResponse) error {
	return n.NetworkTransport.RequestVote(id, withID(id, target), args, resp)
}

// RequestPreVote implements raft.WithPreVote.
func (n *network) RequestPreVote(id raft.ServerID, target raft.ServerAddress, args *raft.RequestPreVoteRequest, resp *raft.RequestPreVoteResponse) error {
	return n.NetworkTransport.RequestPreVote(id, withID(id, target), args, resp)
}

// TimeoutNow implements raft.Transport.
func (n *network) TimeoutNow(id raft.ServerID, target raft.ServerAddress, args *raft.TimeoutNowRequest, resp *raft.TimeoutNowResponse) error {
	return n.NetworkTransport.TimeoutNow(id, withID(id, target), args, resp)
}

// InstallSnapshot sends exactly args.Size bytes of data. raft's own sends all
// that data has, which the peer would take for the next request, and waits for
// an answer that cannot come when data ends early.
func (n *network) InstallSnapshot(id raft.ServerID, target raft.ServerAddress, args *raft.InstallSnapshotRequest, resp *raft.InstallSnapshotResponse, data io.Reader) error {
	return n.NetworkTransport.InstallSnapshot(id, withID(id, target), args, resp, &exactly{data, args.Size})
}
