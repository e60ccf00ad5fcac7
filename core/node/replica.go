package node

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/core/command"
	"github.com/forkbikash/keyval/core/fsm"
)

// replica is the state machine as hashicorp/raft drives it. Its index is the
// one that readers see: raft's own AppliedIndex counts what was handed over,
// not what was applied.
type replica struct {
	state     atomic.Pointer[fsm.State]
	clusterID string
	onFail    func(error)
	failed    atomic.Pointer[error]

	// While raft starts it tries older snapshots when one cannot be restored, and
	// what lies between would be lost silently; so the first failure is final.
	starting atomic.Bool
	refused  atomic.Pointer[error]
}

var _ raft.BatchingFSM = (*replica)(nil)

func newReplica(clusterID string, onFail func(error)) *replica {
	r := &replica{clusterID: clusterID, onFail: onFail}
	r.state.Store(fsm.New())
	return r
}

// Apply is never used: hashicorp/raft calls ApplyBatch where there is one.
func (r *replica) Apply(l *raft.Log) any { return r.ApplyBatch([]*raft.Log{l})[0] }

// ApplyBatch applies committed entries. The answer to a command entry is a
// []fsm.Result, or an error after the replica has failed: it then applies
// nothing more, because to skip an entry would make it differ from the others.
func (r *replica) ApplyBatch(logs []*raft.Log) []any {
	answers := make([]any, len(logs))
	for i, l := range logs {
		results, err := r.applyOne(l)
		if err != nil {
			answers[i] = err
			continue
		}
		answers[i] = results
	}
	return answers
}

func (r *replica) applyOne(l *raft.Log) ([]fsm.Result, error) {
	if failed := r.failed.Load(); failed != nil {
		return nil, *failed
	}
	state := r.state.Load()
	if l.Type != raft.LogCommand {
		state.Advance(l.Index, l.Term)
		return nil, nil
	}
	commands, err := command.Decode(l.Data)
	if err != nil {
		return nil, r.fail(fmt.Errorf("log entry %d: %w", l.Index, err))
	}
	results := state.Apply(l.Index, l.Term, commands)
	return results, r.checkCluster(state)
}

// checkCluster fails the replica when its state is another cluster's: a
// directory that was copied or mixed up.
func (r *replica) checkCluster(state *fsm.State) error {
	if id := state.ClusterID(); id != "" && id != r.clusterID {
		return r.fail(fmt.Errorf("the replicated state belongs to cluster %s, this node to %s: its data directory holds files of another cluster", id, r.clusterID))
	}
	return nil
}

func (r *replica) fail(err error) error {
	if r.failed.CompareAndSwap(nil, &err) {
		r.onFail(err)
	}
	return *r.failed.Load()
}

// Snapshot pins the state as it is. Applies go on while it is written.
func (r *replica) Snapshot() (raft.FSMSnapshot, error) {
	if failed := r.failed.Load(); failed != nil {
		return nil, *failed
	}
	return pinned{r.state.Load().Snapshot()}, nil
}

// Restore replaces the state by the one in rc, once that is read whole.
func (r *replica) Restore(rc io.ReadCloser) error {
	defer rc.Close() //nolint:errcheck // it was only read
	if !r.starting.Load() {
		return r.restore(rc)
	}
	if refused := r.refused.Load(); refused != nil {
		return *refused
	}
	err := r.restore(rc)
	if err != nil {
		r.refused.CompareAndSwap(nil, &err)
	}
	return err
}

func (r *replica) restore(rc io.Reader) error {
	state, err := fsm.Restore(rc)
	if err != nil {
		return err
	}
	if err := r.checkCluster(state); err != nil {
		return err
	}
	r.state.Store(state)
	return nil
}

type pinned struct{ *fsm.Snapshot }

func (p pinned) Persist(sink raft.SnapshotSink) error {
	if _, err := p.WriteTo(sink); err != nil {
		return errors.Join(fmt.Errorf("write snapshot: %w", err), sink.Cancel())
	}
	return sink.Close()
}
