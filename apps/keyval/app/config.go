package app

import (
	"cmp"
	"log/slog"
	"net"
	"time"

	"github.com/forkbikash/keyval/core/httpapi"
	"github.com/forkbikash/keyval/core/node"
	"github.com/forkbikash/keyval/storage/guard"
)

// Config is what a node is served with: the flags, checked. Only the plugs'
// own arguments are not, for only the plugs understand them.
type Config struct {
	// Dir is the data directory. An in-memory node ignores it, and may have none.
	Dir string

	// ID is the id asked for. Empty takes the one in the data directory's marker,
	// or DefaultID where there is none.
	ID string

	HTTPAddr      string   // to listen on, host:port
	HTTPAdvertise string   // what others are told; empty means HTTPAddr
	RaftAddr      string   // to listen on, in the transport's own form
	RaftAdvertise string   // what peers are told; empty means RaftAddr
	Join          []string // base URLs of nodes to join through, such as http://localhost:11000

	// LogStore is the log store asked for. An empty name takes the marker's, or
	// defaultLogStore where there is none.
	LogStore  Plug
	Transport Plug

	// LogGuard is what the log store is to wear. Empty takes the marker's, or
	// guard.On where there is none. A store in memory wears nothing.
	LogGuard guard.Mode

	// Shadow is the log store that is tried beside the one in use. An empty name
	// is none.
	Shadow Plug

	// StallTimeout is how long a call of the log store may take before the node
	// ends; 0 for any time.
	StallTimeout time.Duration

	Forward httpapi.Forward
	Raft    node.Timing // each field is set; a LogCache of 0 is none

	LogLevel  slog.Level
	LogFormat string // text or json
}

// A Plug is a name in Plugs, and what follows the colon after it.
type Plug struct{ Name, Arg string }

// InMemory says whether the node writes nothing at all.
func (c Config) InMemory() bool { return c.LogStore.Name == inMemory }

// DefaultID names a node that was given no id: the Raft address that its peers
// know, without the brackets of IPv6, which an id in a URL cannot have.
func (c Config) DefaultID() string {
	addr := c.peerRaftAddr()
	if host, port, err := net.SplitHostPort(addr); err == nil {
		return host + ":" + port
	}
	return addr
}

func (c Config) peerRaftAddr() string { return cmp.Or(c.RaftAdvertise, c.RaftAddr) }
func (c Config) peerHTTPAddr() string { return cmp.Or(c.HTTPAdvertise, c.HTTPAddr) }
