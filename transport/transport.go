package transport

import (
	"crypto/tls"
	"io"
	"log/slog"

	"github.com/hashicorp/raft"
)

// Transport carries Raft RPCs between nodes.
//
// What hashicorp/raft relies on, and every Transport must keep:
//   - A request reaches the node that it names by id, or none: two addresses may
//     lead to one node, and one address to another node than it used to.
//   - Heartbeats reach the handler of SetHeartbeatHandler without waiting behind
//     other requests: an AppendEntries with a term and a leader but no previous
//     entry, no entries and no commit index.
//   - A request to a peer that does not answer ends with an error in bounded time.
//   - InstallSnapshot consumes no more of the reader than the request's size.
//   - Close unblocks every call, releases the address and is safe to call twice.
//
// A Transport should implement [raft.WithPreVote] too: without it hashicorp/raft
// silently runs elections without pre-vote.
type Transport interface {
	raft.Transport
	io.Closer
}

// Config is what a transport is opened with. ID, Bind and ClusterID are set by
// keyval; the rest may be zero.
type Config struct {
	// ID is this node's Raft server id.
	ID string

	// Bind is the address to listen on, in the transport's own form.
	Bind string

	// Advertise is the address that peers are told. Empty means Bind. The
	// transport says which addresses others can reach: one that it knows they
	// cannot, such as a wildcard, is an error.
	Advertise string

	// ClusterID is the cluster that this node belongs to. A peer that names
	// another is refused when it connects. Empty checks nothing.
	ClusterID string

	// TLS secures the connections, both ways. Nil means plain text.
	TLS *tls.Config

	// Arg is what follows the colon in -transport=name:arg.
	Arg string

	// Logger receives what the transport has to say. Nil discards it.
	Logger *slog.Logger
}

// Opener opens a transport and starts to listen.
type Opener func(c Config) (Transport, error)
