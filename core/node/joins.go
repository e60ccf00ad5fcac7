package node

import (
	"context"
	"fmt"
	"sync"

	"github.com/hashicorp/raft"
)

// admission is a nonvoter as it was admitted: a node is not the one it was when
// it has another data directory, and not where it was at another address.
type admission struct {
	id          raft.ServerID
	addr        raft.ServerAddress
	incarnation uint64
}

// interrupted is the error of an attempt that ended early, with the leadership
// or because the membership of its node was changed meanwhile.
func (a admission) interrupted() error {
	return fmt.Errorf("%w: node %s was admitted and has not been made a voter yet: ask again", ErrUnknownOutcome, a.id)
}

// attempt is one node's way from nonvoter to voter.
type attempt struct {
	admission
	cancel context.CancelFunc
	done   chan struct{}
	err    error // valid once done is closed
}

// joins holds the attempts under way, by node id. They live as long as the
// leadership they began in; the next leader takes them up again.
type joins struct {
	mu  sync.Mutex
	ctx context.Context // nil while this node does not lead
	m   map[raft.ServerID]*attempt
	wg  sync.WaitGroup
}

func (j *joins) start(ctx context.Context) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.ctx, j.m = ctx, make(map[raft.ServerID]*attempt)
}

func (j *joins) end() {
	j.mu.Lock()
	j.ctx = nil
	j.mu.Unlock()
	j.wg.Wait()
}

// cancel ends the attempt to promote id, if there is one.
func (j *joins) cancel(id raft.ServerID) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if a, ok := j.m[id]; ok {
		a.cancel()
		delete(j.m, id)
	}
}

func (j *joins) forget(a *attempt) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.m[a.id] == a {
		delete(j.m, a.id)
	}
}

// promoteInBackground starts to promote the nonvoter, unless that is under way
// already, and returns the attempt. One that was made for the same id, admitted
// otherwise, ends. Membership is locked.
func (n *Node) promoteInBackground(who admission) *attempt {
	j := &n.joins
	j.mu.Lock()
	defer j.mu.Unlock()
	if old, ok := j.m[who.id]; ok {
		if old.admission == who {
			return old
		}
		old.cancel()
	}
	a := &attempt{admission: who, done: make(chan struct{})}
	if j.ctx == nil {
		a.err = who.interrupted()
		close(a.done)
		return a
	}
	var ctx context.Context
	ctx, a.cancel = context.WithCancel(j.ctx)
	j.m[who.id] = a
	j.wg.Go(func() {
		defer a.cancel()
		a.err = n.promote(ctx, who)
		j.forget(a)
		close(a.done)
	})
	return a
}
