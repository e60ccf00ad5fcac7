package app

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/apps/keyval/datadir"
	"github.com/forkbikash/keyval/core/node"
	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/shadow"
	"github.com/forkbikash/keyval/storage/stall"
	"github.com/forkbikash/keyval/transport"
)

// identity is who the node is, and what it has of earlier runs.
type identity struct {
	nodeID      string
	logStore    string
	clusterID   string
	incarnation uint64
	dir         *datadir.Dir // nil for a node that writes nothing
	store       storage.Store
	shadow      *shadow.Shadow // nil where no other log store is tried
	stall       *stall.Watch   // nil where nothing is watched
	snapshots   raft.SnapshotStore
	transport   transport.Transport
	stateful    bool // ran before, and has its log
	founding    bool // makes a cluster of itself
	joining     bool // asks to be admitted
}

// openStorage opens the data directory and the log store in it.
func (s *server) openStorage() error {
	if s.cfg.InMemory() {
		return s.openMemory()
	}
	dir, err := datadir.Open(s.cfg.Dir, datadir.Options{
		NodeID: s.cfg.ID, DefaultNodeID: s.cfg.DefaultID(),
		LogStore: s.cfg.LogStore.Name, DefaultLogStore: defaultLogStore,
		Guard:    string(s.cfg.LogGuard),
		HasState: s.hasState,
	})
	if err != nil {
		return err
	}
	opened := false
	s.onClose(func() error {
		if !opened {
			return dir.Discard() // a new directory remembers no log store that it never had
		}
		return dir.Close()
	})
	m := dir.Marker()
	s.id = identity{nodeID: m.NodeID, logStore: m.LogStore, clusterID: m.ClusterID, incarnation: m.Incarnation, dir: dir}
	if s.id.store, err = s.openGuarded(dir); err != nil {
		return err
	}
	s.onClose(s.id.store.Close)
	if s.id.snapshots, err = openSnapshots(dir.SnapshotBase(), s.log); err != nil {
		return err
	}
	s.id.stateful, err = node.HasState(s.id.store, s.id.snapshots)
	opened = err == nil
	return err
}

func (s *server) openMemory() error {
	store, err := s.openStore(inMemory, "", bare)
	if err != nil {
		return err
	}
	s.onClose(store.Close)
	s.id = identity{
		nodeID: cmp.Or(s.cfg.ID, s.cfg.DefaultID()), logStore: inMemory,
		incarnation: 1 + mathrand.Uint64N(math.MaxUint64), //nolint:gosec // to tell runs apart, not a secret
		store:       store, snapshots: new(node.MemorySnapshots),
	}
	return nil
}

func (s *server) openStore(name, dir string, wear func(storage.Opener) storage.Opener) (storage.Store, error) {
	open, ok := s.plugs.LogStores[name]
	if !ok {
		return nil, fmt.Errorf("%s holds a log store %q, which this binary does not have", s.cfg.Dir, name)
	}
	o := storage.Options{Logger: s.log.With("log_store", name)}
	if name == s.cfg.LogStore.Name {
		o.Arg = s.cfg.LogStore.Arg
	}
	store, err := wear(open)(dir, o)
	if err != nil {
		return nil, logStoreError("-log-store", name, err)
	}
	return store, nil
}

// hasState looks into a directory whose marker is not as the flags want it.
func (s *server) hasState(m datadir.Marker, logDir, snapshotBase string) (has bool, err error) {
	store, err := s.openStore(m.LogStore, logDir, bare)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	snaps, err := openSnapshots(snapshotBase, s.log)
	if err != nil {
		return false, err
	}
	return node.HasState(store, snaps)
}

// identify decides what the node is: one that comes back, the founder of a
// cluster, or one that wants to join.
func (s *server) identify(ctx context.Context, join *joiner) error {
	id := &s.id
	if id.stateful {
		if id.clusterID == "" {
			return fmt.Errorf("%s holds a Raft log and its marker names no cluster: restore the marker, or join again with an empty directory", s.cfg.Dir)
		}
		return s.checkJoinCluster(ctx, join)
	}
	if len(s.cfg.Join) == 0 {
		return s.found()
	}
	addrs := s.joinAddrs()
	if len(addrs) == 0 {
		return fmt.Errorf("-join names only this node itself (%s): leave it out to found a cluster, or name another node", s.cfg.peerHTTPAddr())
	}
	s.gate.wait("this node is waiting to join the cluster at " + strings.Join(addrs, ", "))
	// Without its log it is not the node it was: it may have promised votes and
	// entries that it no longer knows. And whatever happens next, it was told to
	// join: it never founds a cluster.
	if id.dir != nil {
		if err := id.dir.Renew(id.nodeID); err != nil {
			return err
		}
		id.incarnation = id.dir.Marker().Incarnation
	}
	var err error
	id.joining = true
	if id.clusterID, err = join.clusterID(ctx, addrs); err != nil || id.dir == nil {
		return err
	}
	return id.dir.SetCluster(id.clusterID)
}

// checkJoinCluster refuses -join when it leads to other clusters only than the
// one that the directory belongs to. What does not answer is no reason to wait:
// a node that comes back needs no -join.
func (s *server) checkJoinCluster(ctx context.Context, join *joiner) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	addrs := s.joinAddrs()
	clusters := make([]string, len(addrs))
	var asking sync.WaitGroup
	for i, addr := range addrs {
		asking.Go(func() {
			if status, err := join.status(ctx, addr); err == nil {
				clusters[i] = status.ClusterID
			}
		})
	}
	asking.Wait()
	if slices.Contains(clusters, s.id.clusterID) {
		return nil
	}
	for i, other := range clusters {
		if other != "" {
			return fmt.Errorf("%s belongs to cluster %s and -join=%s to cluster %s: leave out -join, or join with an empty directory",
				s.cfg.Dir, s.id.clusterID, addrs[i], other)
		}
	}
	return nil
}

// found makes a new cluster, unless the directory was a member of one.
func (s *server) found() error {
	id := &s.id
	id.founding = true
	if id.dir == nil {
		id.clusterID = rand.Text()
		return nil
	}
	m := id.dir.Marker()
	if m.Joining {
		return fmt.Errorf("%s belongs to a node that was told to join a cluster and is no member yet: start it with -join, or use an empty directory to found another cluster", s.cfg.Dir)
	}
	if m.Member {
		return fmt.Errorf("%s was a member of cluster %s and its Raft log is gone: restore it, or start with -join to enter that cluster as a new member, or use an empty directory to found another",
			s.cfg.Dir, m.ClusterID)
	}
	id.clusterID = rand.Text()
	return id.dir.SetCluster(id.clusterID)
}

// announce asks to be admitted before Raft runs here: until the leader has let
// go of what this id was before, this node must acknowledge nothing.
func (s *server) announce(ctx context.Context, join *joiner) error {
	if !s.id.joining {
		return nil
	}
	r := s.nodeConfig().Record()
	r.Announce = true
	return join.join(ctx, s.joinAddrs(), r)
}

// settle waits until a joining node votes, and says so.
func (s *server) settle(ctx context.Context, join *joiner) error {
	switch {
	case s.id.founding:
		if !s.awaitCaughtUp(ctx) {
			return ctx.Err()
		}
		s.log.Info("founded a cluster of this node alone; start others with -join="+s.cfg.peerHTTPAddr(), "cluster", s.id.clusterID)
	case s.id.joining:
		if err := join.join(ctx, s.joinAddrs(), s.node.Record()); err != nil {
			return err
		}
		s.log.Info("joined the cluster", "cluster", s.id.clusterID)
	}
	return nil
}

// awaitCaughtUp waits until this node can be read, or ctx ends.
func (s *server) awaitCaughtUp(ctx context.Context) bool {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if s.node.CaughtUp() {
			return true
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
}

// markMember notes that the directory belongs to a member from now on.
func (id *identity) markMember() error {
	if id.dir == nil {
		return nil
	}
	return id.dir.SetMember(true)
}

func (s *server) transportConfig() transport.Config {
	return transport.Config{
		ID: s.id.nodeID, Bind: s.cfg.RaftAddr, Advertise: s.cfg.RaftAdvertise, ClusterID: s.id.clusterID,
		Arg: s.cfg.Transport.Arg, Logger: s.log.With("transport", s.cfg.Transport.Name),
	}
}

func (s *server) nodeConfig() node.Config {
	timing := s.cfg.Raft
	if timing.LogCache == 0 {
		timing.LogCache = -1 // to the node, 0 is the default
	}
	return node.Config{
		ID: s.id.nodeID, RaftAddr: s.cfg.peerRaftAddr(), HTTPAddr: s.cfg.peerHTTPAddr(),
		ClusterID: s.id.clusterID, Incarnation: s.id.incarnation,
		Store: s.id.store, Snapshots: s.id.snapshots, Transport: s.id.transport,
		LogStoreName: s.id.logStore, TransportName: s.cfg.Transport.Name,
		Bootstrap: s.id.founding,
		Timing:    timing,
		Logger:    s.log, OnFail: s.fail,
	}
}
