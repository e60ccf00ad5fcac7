package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/forkbikash/keyval/core/node"
)

// keeper looks after this node's place in the cluster while it runs: it tells
// the leader what changed since the last run (an address, the log store), learns
// how far there is to catch up, and asks the others when it hears nothing, since
// a removed node is not told.
type keeper struct {
	node     *node.Node
	join     *joiner
	extra    []string      // addresses from -join, beside the members'
	patience time.Duration // silence after which the others are asked
	log      *slog.Logger
}

const keeperInterval = 250 * time.Millisecond

// run returns when ctx ends or the node was removed.
func (k *keeper) run(ctx context.Context) {
	ledAt, caughtUp := time.Now(), false
	pause := k.patience
	var nextAsk time.Time
	tick := time.NewTicker(keeperInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		case <-k.node.Removed():
			return
		}
		leader, led := k.node.Leader()
		if led {
			ledAt = time.Now()
			caughtUp = caughtUp || k.measure(ctx, leader)
		}
		inOrder := led && k.node.Recorded()
		silent := !led && time.Since(ledAt) > k.patience
		if inOrder {
			pause = k.patience
		} else if (led || silent) && time.Now().After(nextAsk) && leader.ID != k.node.ID() {
			k.ask(ctx)
			nextAsk = time.Now().Add(pause)
			pause = min(2*pause, 10*k.patience)
		}
	}
}

// measure learns what the leader has applied, and says whether it did. Only a
// leader that has caught up itself knows what was committed.
func (k *keeper) measure(ctx context.Context, leader node.Peer) bool {
	if leader.ID == k.node.ID() {
		return true // the node measures itself when it leads
	}
	if leader.HTTPAddr == "" {
		return false // its record has not arrived yet
	}
	s, err := k.join.status(ctx, leader.HTTPAddr)
	if err != nil {
		k.log.Debug("the leader's status is not known", "error", err)
		return false
	}
	if s.ClusterID != k.node.Record().ClusterID {
		return false // a node that was there before, and founded another cluster
	}
	if !s.CaughtUp || s.Leader == nil || s.Leader.ID != s.Node.ID {
		return false
	}
	k.node.MarkCatchUp(s.AppliedIndex)
	return true
}

// ask tells the other members how this node is now, one after the other until
// one has passed it to the leader.
func (k *keeper) ask(ctx context.Context) {
	r := k.node.Record()
	r.Announce = true
	for _, addr := range k.addresses() {
		err := k.join.ask(ctx, addr, r)
		switch {
		case err == nil:
			return
		case wasRemoved(err):
			k.node.MarkRemoved()
			return
		}
		k.log.Debug("asked about this node's membership", "via", addr, "error", err)
	}
}

func (k *keeper) addresses() []string {
	return append(k.node.PeerHTTPAddrs(), k.extra...)
}
