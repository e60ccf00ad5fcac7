package node

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/core/command"
	pb "github.com/forkbikash/keyval/core/command/commandpb"
	"github.com/forkbikash/keyval/core/fsm"
)

// Propose puts c into the log and returns its result once it is committed by a
// quorum, durably, and applied here. Only the leader can: elsewhere the error is
// a *[NotLeaderError] or [ErrNoLeader]. These, [ErrBusy] and [ErrClosed] mean
// that c was certainly not proposed; [ErrUnknownOutcome] that it may have been
// applied, or may yet be. A command that the state machine refused has its
// reason in the result's Err.
func (n *Node) Propose(ctx context.Context, c *pb.Command) (fsm.Result, error) {
	if n.raft.State() != raft.Leader {
		return fsm.Result{}, n.notLeader()
	}
	data, err := command.Marshal(c)
	if err != nil {
		return fsm.Result{}, fmt.Errorf("encode command: %w", err)
	}
	result, err := n.batcher.propose(ctx, data)
	if err != nil {
		return fsm.Result{}, n.proposalError(err)
	}
	// What is committed in this term was applied after everything before it.
	if !n.caughtUp.Load() {
		n.caughtUp.Store(true)
	}
	return result, nil
}

// proposalError says of raft's errors whether the command may be in the log.
// What is not known to have been refused counts as unknown.
func (n *Node) proposalError(err error) error {
	switch {
	case errors.Is(err, ErrUnknownOutcome), errors.Is(err, ErrBusy), errors.Is(err, ErrClosed):
		return err
	case errors.Is(err, raft.ErrNotLeader):
		return n.notLeader()
	case errors.Is(err, raft.ErrEnqueueTimeout):
		return fmt.Errorf("%w: %w", ErrBusy, err)
	case errors.Is(err, raft.ErrLeadershipTransferInProgress):
		return fmt.Errorf("%w: leadership is moving to another node", ErrNoLeader)
	default:
		return fmt.Errorf("%w: %w", ErrUnknownOutcome, err)
	}
}

// notLeader is the error of a request that only the leader can serve.
func (n *Node) notLeader() error {
	leader, ok := n.Leader()
	if !ok || leader.ID == n.cfg.ID {
		return ErrNoLeader
	}
	return &NotLeaderError{Leader: leader}
}

// Get reads key from this node's state, which may be behind the leader's.
func (n *Node) Get(key []byte) Read {
	kv, revision, found := n.replica.state.Load().Get(key)
	return Read{
		Value:          kv.Value,
		Found:          found,
		CreateRevision: kv.CreateRevision,
		ModRevision:    kv.ModRevision,
		Version:        kv.Version,
		Revision:       revision,
		Term:           n.Term(),
	}
}
