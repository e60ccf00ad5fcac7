package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/core/fsm"
)

// Node is one member of a cluster. Its methods may be called from any
// goroutine.
type Node struct {
	cfg      Config
	log      *slog.Logger
	raft     *raft.Raft
	replica  *replica
	batcher  *batcher
	contacts contacts

	// membership is held by whoever changes it: one change at a time.
	membership chan struct{}
	joins      joins

	established atomic.Uint64             // the last term that this node led and applied a command of
	ledSince    atomic.Pointer[time.Time] // when it was; set before established
	handingOver sync.Mutex

	catchUpTo atomic.Uint64 // what MarkCatchUp was told, plus one
	caughtUp  atomic.Bool   // never false again
	removed   chan struct{}
	removedBy sync.Once

	ctx    context.Context // ends when the node closes
	cancel context.CancelFunc
	wg     sync.WaitGroup
	close  func() error
}

// Open starts a node on what its store and snapshots hold. It returns before a
// leader is known. Neither Store nor Snapshots is closed by the node; Transport
// is, as hashicorp/raft does, when it has a Close.
func Open(cfg Config) (*Node, error) {
	cfg.Timing = cfg.Timing.withDefaults()
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.OnFail == nil {
		cfg.OnFail = func(error) {}
	}
	if err := cfg.check(); err != nil {
		return nil, err
	}
	n := &Node{
		cfg:        cfg,
		log:        cfg.Logger,
		replica:    newReplica(cfg.ClusterID, cfg.OnFail),
		membership: make(chan struct{}, 1),
		removed:    make(chan struct{}),
	}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	n.close = sync.OnceValue(n.shutdown)

	leadership := make(chan bool, 16)
	if err := n.startRaft(leadership); err != nil {
		n.cancel()
		return nil, err
	}
	n.batcher = newBatcher(n.raft.Apply)
	n.wg.Go(func() { n.watchLeadership(leadership) })
	if n.votes() && !n.hasOtherVoters() {
		n.standAtOnce()
	}
	return n, nil
}

// standAtOnce makes the only voter stand for election now instead of waiting
// for a leader that cannot be: hashicorp/raft looks at its heartbeat timer when
// the timeout gets shorter (ReloadConfig in its api.go).
func (n *Node) standAtOnce() {
	shorter := n.raft.ReloadableConfig()
	shorter.HeartbeatTimeout--
	for _, c := range []raft.ReloadableConfig{shorter, n.raft.ReloadableConfig()} {
		if err := n.raft.ReloadConfig(c); err != nil {
			n.log.Debug("the election was not hurried", "error", err)
		}
	}
}

func (n *Node) startRaft(leadership chan<- bool) error {
	cfg := &n.cfg
	rc := cfg.raftConfig(leadership)
	trans := n.contacts.watch(cfg.Transport)
	snaps, err := mendHistory(cfg.Snapshots, cfg.Store, cfg.Logger)
	if err != nil {
		return err
	}
	if cfg.Bootstrap {
		self := raft.Server{ID: rc.LocalID, Address: raft.ServerAddress(cfg.RaftAddr)}
		err := raft.BootstrapCluster(rc, cfg.Store, cfg.Store, snaps, trans, raft.Configuration{Servers: []raft.Server{self}})
		if err != nil {
			return fmt.Errorf("found the cluster: %w", err)
		}
	}
	var logs raft.LogStore = cfg.Store
	if cfg.Timing.LogCache > 0 {
		if logs, err = raft.NewLogCache(cfg.Timing.LogCache, cfg.Store); err != nil {
			return err
		}
	}
	n.replica.starting.Store(true)
	n.raft, err = raft.NewRaft(rc, n.replica, logs, cfg.Store, snaps, trans)
	n.replica.starting.Store(false)
	if refused := n.replica.refused.Load(); refused != nil {
		if err == nil {
			_ = wait(n.raft.Shutdown(), shutdownTimeout) // what it was refused for counts
		}
		return fmt.Errorf("the newest snapshot cannot be restored: restore it, or let this node join again with an empty data directory: %w", *refused)
	}
	if err != nil {
		return fmt.Errorf("start Raft: %w", err)
	}
	return nil
}

// transferTimeout bounds the hand-over of leadership when a leader closes: a
// transfer can wedge (hashicorp/raft#696), and the others elect one anyway.
const transferTimeout = 2 * time.Second

// shutdownTimeout bounds what Raft needs to stop; a disk that hangs holds it.
const shutdownTimeout = 10 * time.Second

// drainTimeout is how long a node that closes waits for what it proposed.
const drainTimeout = 2 * time.Second

// HandOver has another voter lead, if this node leads and there is one, and waits
// for that within a bound. Meanwhile proposals are refused with [ErrNoLeader],
// and the outcome of those under way may become unknown.
func (n *Node) HandOver() {
	n.handingOver.Lock()
	defer n.handingOver.Unlock()
	if n.raft.State() != raft.Leader || !n.hasOtherVoters() {
		return
	}
	if err := wait(n.raft.LeadershipTransfer(), transferTimeout); err != nil {
		n.log.Warn("leadership was not handed over", "error", err)
	}
}

// Close hands leadership to another node, if there is one, and stops. What is
// in flight is answered, if need be with [ErrUnknownOutcome].
func (n *Node) Close() error { return n.close() }

func (n *Node) shutdown() error {
	n.cancel()
	// While Raft still runs: when it stops, it leaves entries unanswered that it
	// has handed to the state machine.
	n.batcher.close(drainTimeout)
	n.HandOver()
	err := wait(n.raft.Shutdown(), shutdownTimeout)
	if err != nil || !n.batcher.close(drainTimeout) {
		n.batcher.abandon()
	}
	if err != nil {
		return fmt.Errorf("stop Raft: %w", err)
	}
	n.wg.Wait()
	return nil
}

var errTimeout = errors.New("timed out")

// wait is f.Error with a bound; raft's own futures have none.
func wait(f raft.Future, timeout time.Duration) error {
	done := make(chan error, 1)
	go func() { done <- f.Error() }()
	t := time.NewTimer(timeout)
	defer t.Stop()
	select {
	case err := <-done:
		return err
	case <-t.C:
		return errTimeout
	}
}

func (n *Node) hasOtherVoters() bool {
	for _, s := range n.servers() {
		if s.Suffrage == raft.Voter && s.ID != n.raftID() {
			return true
		}
	}
	return false
}

func (n *Node) raftID() raft.ServerID { return raft.ServerID(n.cfg.ID) }

// self is this node in Raft's latest configuration; false when it is not there.
func (n *Node) self() (raft.Server, bool) {
	for _, s := range n.servers() {
		if s.ID == n.raftID() {
			return s, true
		}
	}
	return raft.Server{}, false
}

// servers is Raft's latest configuration, which may not be committed yet.
func (n *Node) servers() []raft.Server {
	return n.raft.GetConfiguration().Configuration().Servers
}

func (n *Node) state() *fsm.State { return n.replica.state.Load() }

// ID is the node's own id.
func (n *Node) ID() string { return n.cfg.ID }

// Term is the current Raft term.
func (n *Node) Term() uint64 { return n.raft.CurrentTerm() }

// Removed is closed when the node learns that it was removed from the cluster.
// It cannot come back with the same data directory.
func (n *Node) Removed() <-chan struct{} { return n.removed }

// MarkRemoved notes what the cluster told about this node: it was removed.
func (n *Node) MarkRemoved() { n.removedBy.Do(func() { close(n.removed) }) }

// Record is what this node would have the cluster know of it.
func (n *Node) Record() JoinRequest { return n.cfg.Record() }
