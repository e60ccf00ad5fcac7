package node

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/core/command"
)

// Store is what a node keeps its log and its vote in.
type Store interface {
	raft.LogStore
	raft.StableStore
}

// Config is what a node is opened with. The first group is required.
type Config struct {
	ID        string // unique in the cluster, and the same for the directory's life
	RaftAddr  string // where peers reach Transport
	ClusterID string // of the cluster it founds or joins
	Store     Store
	Snapshots raft.SnapshotStore
	Transport raft.Transport

	HTTPAddr      string // where clients and peers reach its HTTP interface
	Incarnation   uint64 // of its data directory; 0 means unknown
	LogStoreName  string // shown to others
	TransportName string // shown to others

	// Bootstrap founds a cluster of this node alone. It is refused when Store or
	// Snapshots hold anything.
	Bootstrap bool

	// Raft's timings and limits; zero means the default. See [Timing].
	Timing Timing

	// Logger receives the node's and Raft's events. Nil discards them.
	Logger *slog.Logger

	// OnFail is told, once, why the node cannot go on: an entry it cannot read, a
	// snapshot of another cluster. From then on nothing is applied, and the
	// process should end. Nil ignores it.
	OnFail func(error)
}

// Timing holds Raft's tunables. Zero fields take the defaults.
type Timing struct {
	HeartbeatTimeout  time.Duration // silence before a follower stands for election; default 1 s
	ElectionTimeout   time.Duration // a candidate's wait for votes, at least HeartbeatTimeout; default 1 s
	SnapshotInterval  time.Duration // how often to consider a snapshot; default 120 s
	SnapshotThreshold uint64        // entries since the last one that make a snapshot worthwhile; default 8192
	TrailingLogs      uint64        // entries kept behind a snapshot; default 10240
	LogCache          int           // newest entries held in memory; default 512, negative for none
}

func (t Timing) withDefaults() Timing {
	d := raft.DefaultConfig()
	or := func(v *time.Duration, def time.Duration) {
		if *v == 0 {
			*v = def
		}
	}
	or(&t.HeartbeatTimeout, d.HeartbeatTimeout)
	or(&t.ElectionTimeout, max(d.ElectionTimeout, t.HeartbeatTimeout))
	or(&t.SnapshotInterval, d.SnapshotInterval)
	if t.SnapshotThreshold == 0 {
		t.SnapshotThreshold = d.SnapshotThreshold
	}
	if t.TrailingLogs == 0 {
		t.TrailingLogs = d.TrailingLogs
	}
	if t.LogCache == 0 {
		t.LogCache = 512
	}
	return t
}

// raftConfig is c as hashicorp/raft wants it.
func (c *Config) raftConfig(notify chan<- bool) *raft.Config {
	r := raft.DefaultConfig()
	r.LocalID = raft.ServerID(c.ID)
	r.HeartbeatTimeout = c.Timing.HeartbeatTimeout
	r.ElectionTimeout = c.Timing.ElectionTimeout
	// The lease ends well before a follower stands for election, so that an old
	// leader steps down before a new one can be chosen.
	r.LeaderLeaseTimeout = c.Timing.HeartbeatTimeout / 2
	r.CommitTimeout = min(r.CommitTimeout, c.Timing.HeartbeatTimeout/2)
	r.SnapshotInterval = c.Timing.SnapshotInterval
	r.SnapshotThreshold = c.Timing.SnapshotThreshold
	r.TrailingLogs = c.Timing.TrailingLogs
	r.NotifyCh = notify
	r.ShutdownOnRemove = false // removal is announced by Node.Removed, and the app decides
	r.NoLegacyTelemetry = true
	r.Logger = RaftLogger(c.Logger)
	return r
}

func (c *Config) check() error {
	switch {
	case c.ID == "" || c.RaftAddr == "":
		return errors.New("node: ID and RaftAddr are required")
	case c.ClusterID == "":
		return errors.New("node: ClusterID is required")
	case c.Store == nil || c.Snapshots == nil || c.Transport == nil:
		return errors.New("node: Store, Snapshots and Transport are required")
	}
	if err := raft.ValidateConfig(c.raftConfig(nil)); err != nil {
		return fmt.Errorf("node: Raft settings: %w", err)
	}
	return nil
}

// Record is what a node opened with c would have the cluster know of it. Before
// it is opened, it joins with that.
func (c Config) Record() JoinRequest {
	return JoinRequest{
		Peer:           Peer{c.ID, c.RaftAddr, c.HTTPAddr},
		ClusterID:      c.ClusterID,
		Incarnation:    c.Incarnation,
		LogStore:       c.LogStoreName,
		Transport:      c.TransportName,
		CommandVersion: command.Version,
	}
}

// HasState says whether store or snapshots hold anything: whether this is a
// node that ran before.
func HasState(store Store, snapshots raft.SnapshotStore) (bool, error) {
	return raft.HasExistingState(store, store, snapshots)
}
