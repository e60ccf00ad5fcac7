// Package api holds the wire types of keyval's HTTP interface, shared by the
// server and its clients. Field names are a promise: fields are added, never
// renamed.
package api

// Headers that keyval sets on its answers.
const (
	// HeaderRevision is the revision that the answer reflects.
	HeaderRevision = "Keyval-Revision"
	// HeaderTerm is the Raft term of the node that answered.
	HeaderTerm = "Keyval-Term"
	// HeaderNode is the id of the node that answered.
	HeaderNode = "Keyval-Node"
	// HeaderConsistency is the level that a read was served at.
	HeaderConsistency = "Keyval-Consistency"
	// HeaderForwardedBy is the id of the node that forwarded a request. A
	// request that carries it is not forwarded again.
	HeaderForwardedBy = "Keyval-Forwarded-By"
	// HeaderForwardedIn is the id of the cluster that the forwarding node belongs
	// to. A node of another cluster does not serve the request.
	HeaderForwardedIn = "Keyval-Forwarded-In"
	// HeaderEncoding is "base64" when the value in a JSON answer is, because it is
	// not UTF-8. The header is absent otherwise.
	HeaderEncoding = "Keyval-Encoding"
	// HeaderKeyEncoding says the same of the key.
	HeaderKeyEncoding = "Keyval-Key-Encoding"
)

// Node is one member of the cluster, as others address it.
type Node struct {
	ID       string `json:"id"`
	RaftAddr string `json:"raft_addr"`
	HTTPAddr string `json:"http_addr"`
	// State is "leader", "follower", "candidate" or "shutdown"; only the node
	// that answers knows its own.
	State string `json:"state,omitempty"`
}

// Status answers GET /status.
type Status struct {
	Node           Node   `json:"node"`
	Leader         *Node  `json:"leader"`
	Term           uint64 `json:"term"`
	CommitIndex    uint64 `json:"commit_index"`
	AppliedIndex   uint64 `json:"applied_index"`
	Revision       uint64 `json:"revision"`
	Keys           uint64 `json:"keys"`
	Checksum       string `json:"checksum"`
	ClusterID      string `json:"cluster_id"`
	LogStore       string `json:"log_store"`
	Transport      string `json:"transport"`
	Version        string `json:"version"`
	CommandVersion uint32 `json:"command_version"`
	MinVersion     uint32 `json:"min_command_version"`
	// CaughtUp says whether the node has once applied all that was committed when
	// it started.
	CaughtUp      bool  `json:"caught_up"`
	UptimeSeconds int64 `json:"uptime_seconds"`
	// Shadow is the log store that is tried beside LogStore; absent for none.
	Shadow *Shadow `json:"shadow,omitempty"`
}

// Shadow tells how a log store does that follows the one in use and is compared
// with it. All counts are since the node started.
type Shadow struct {
	LogStore string `json:"log_store"`
	// On is false once it was switched off, for the reason that Reason gives.
	On     bool   `json:"on"`
	Reason string `json:"reason,omitempty"`
	// Writes counts what it has repeated, Reads what was compared, and Skipped
	// the reads that could not be.
	Writes  uint64 `json:"writes"`
	Reads   uint64 `json:"reads"`
	Skipped uint64 `json:"skipped_reads"`
	// Differences counts the reads that it answered otherwise; Examples are the
	// first few.
	Differences uint64   `json:"differences"`
	Examples    []string `json:"examples,omitempty"`
	// Waiting is how many calls it is behind.
	Waiting int `json:"waiting"`
	// Latency compares both in each kind of call: "append", "truncate", "vote" and
	// "read".
	Latency map[string]ShadowLatency `json:"latency"`
}

// ShadowLatency has the latency of the log store in use, and of the one that is
// tried.
type ShadowLatency struct {
	Primary Latency `json:"primary"`
	Shadow  Latency `json:"shadow"`
}

// Latency is how long calls took, in milliseconds.
type Latency struct {
	Count uint64  `json:"count"`
	P50   float64 `json:"p50_ms"`
	P99   float64 `json:"p99_ms"`
}

// Member is one row of GET /cluster.
type Member struct {
	ID       string `json:"id"`
	RaftAddr string `json:"raft_addr"`
	HTTPAddr string `json:"http_addr"`
	// Role is "leader", "voter" or "nonvoter".
	Role string `json:"role"`
	// LastContactMS is how long ago the leader last heard from the member, in
	// milliseconds: 0 for the leader itself, null when it has not yet, or when
	// the answer is not the leader's.
	LastContactMS *int64 `json:"last_contact_ms"`
	LogStore      string `json:"log_store"`
	Transport     string `json:"transport"`
	// Incarnation tells apart the data directories that one id has had, in
	// hexadecimal; empty when unknown.
	Incarnation string `json:"incarnation,omitempty"`
}

// Cluster answers GET /cluster.
type Cluster struct {
	ClusterID string   `json:"cluster_id"`
	Term      uint64   `json:"term"`
	Leader    string   `json:"leader"`
	Members   []Member `json:"members"`
}

// JoinRequest is the body of POST /join. ID and Addr are required.
type JoinRequest struct {
	ID string `json:"id"`
	// Addr is the Raft address that peers reach the node at.
	Addr           string `json:"addr"`
	HTTPAddr       string `json:"http_addr,omitempty"`
	ClusterID      string `json:"cluster_id,omitempty"`
	Incarnation    string `json:"incarnation,omitempty"`
	LogStore       string `json:"log_store,omitempty"`
	Transport      string `json:"transport,omitempty"`
	CommandVersion uint32 `json:"command_version,omitempty"`
	// Announce asks to be admitted and answered at once, with 202, before the
	// node can be reached. Without it the answer comes when the node has caught
	// up and votes.
	Announce bool `json:"announce,omitempty"`
}

// JoinResponse answers POST /join.
type JoinResponse struct {
	ClusterID string `json:"cluster_id"`
	ID        string `json:"id"`
	// Role is "nonvoter" until the node has caught up, then "voter".
	Role   string `json:"role"`
	Leader *Node  `json:"leader"`
}

// RemoveResponse answers DELETE /cluster/{id}.
type RemoveResponse struct {
	ID string `json:"id"`
}

// WriteResponse answers POST /key and DELETE /key/{k}.
type WriteResponse struct {
	// Revision of the store after the write.
	Revision uint64 `json:"revision"`
	// Deleted counts the keys that a delete found.
	Deleted *uint64 `json:"deleted,omitempty"`
}

// Liveness answers GET /healthz.
type Liveness struct {
	Live bool `json:"live"`
}

// Check is one line of GET /readyz.
type Check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Reason string `json:"reason,omitempty"`
}

// Readiness answers GET /readyz, with 200 or 503.
type Readiness struct {
	Ready  bool    `json:"ready"`
	Checks []Check `json:"checks"`
}

// Problem is an error answer: RFC 9457 problem details.
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	// Code is stable and meant for programs.
	Code string `json:"code"`
	// Outcome is "unknown" when a write may have been applied or may yet be.
	Outcome string `json:"outcome,omitempty"`
	// Leader is where to go instead, when that is known.
	Leader *Node `json:"leader,omitempty"`
}

// ProblemType is the media type of a [Problem].
const ProblemType = "application/problem+json"
