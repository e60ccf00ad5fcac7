package node

import "time"

// Peer is a node as others address it.
type Peer struct {
	ID       string
	RaftAddr string
	HTTPAddr string // empty when the node never told
}

// Status describes a node at one moment.
type Status struct {
	Self   Peer
	State  string // "leader", "follower", "candidate" or "shutdown"
	Leader *Peer  // nil when unknown

	Term         uint64
	CommitIndex  uint64
	AppliedIndex uint64 // highest index whose effects readers see
	Revision     uint64
	Keys         uint64
	Checksum     uint64 // of the state at AppliedIndex
	ClusterID    string

	LogStore       string
	Transport      string
	CommandVersion uint32 // newest that this node applies
	MinVersion     uint32 // newest that the cluster may use

	CaughtUp bool // see Node.CaughtUp
}

// Role is what a member may do.
type Role string

// The roles of members.
const (
	RoleLeader   Role = "leader"
	RoleVoter    Role = "voter"
	RoleNonvoter Role = "nonvoter" // receives the log, does not vote yet
)

// Member is one member of the cluster.
type Member struct {
	Peer
	Role        Role
	LogStore    string
	Transport   string
	Incarnation uint64 // 0 when unknown

	// LastContact is when the leader last sent a request that the member
	// acknowledged. Zero when it has not yet, or when this node does not lead.
	LastContact time.Time
}

// Cluster is a node's view of the membership.
type Cluster struct {
	ClusterID string
	Term      uint64
	Leader    string // empty when unknown
	Members   []Member
}

// JoinRequest asks the leader to admit a node, or to note what changed about
// one. ID and RaftAddr are required.
type JoinRequest struct {
	Peer
	ClusterID      string // refused when it is another's; empty when the node has none
	Incarnation    uint64 // of the node's data directory; 0 when unknown
	LogStore       string
	Transport      string
	CommandVersion uint32 // newest that the node applies; 0 means the oldest

	// Announce asks for an answer as soon as the node is admitted as a nonvoter.
	// Otherwise Join returns when it votes.
	Announce bool
}

// JoinResult is the leader's answer to a join that it accepted.
type JoinResult struct {
	ClusterID string
	Role      Role
}

// Check is one condition of readiness.
type Check struct {
	Name   string
	OK     bool
	Reason string // why not, when not OK
}

// Read is the answer to a read of one key.
type Read struct {
	Value          []byte // never to be changed
	Found          bool
	CreateRevision uint64
	ModRevision    uint64
	Version        uint64 // writes since creation
	Revision       uint64 // of the store when it was read
	Term           uint64
}
