package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/core/command"
	pb "github.com/forkbikash/keyval/core/command/commandpb"
	"github.com/forkbikash/keyval/core/fsm"
	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/migrate"
)

func (v *checkup) checkSnapshots() error {
	all, err := readSnapshots(v.dir.SnapshotBase())
	if err != nil {
		return err
	}
	for _, s := range all {
		err := s.Err
		if err == nil {
			err = v.restore(s)
		}
		if err != nil {
			v.problem("snapshot "+s.ID, err.Error(), "restore it from a backup; otherwise "+fixRejoin)
			continue
		}
		v.snapshots++
		if v.covered == 0 {
			v.covered, v.coveredTerm = s.Index, s.Term
		}
	}
	return nil
}

// restore reads a snapshot as a node would that starts on it.
func (v *checkup) restore(s snapshotFile) error {
	f, err := s.open()
	if err != nil {
		return err
	}
	state, err := fsm.Restore(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	v.checkCluster("snapshot "+s.ID, state.ClusterID())
	return nil
}

// checkCluster compares the cluster that something is of with the marker's.
func (v *checkup) checkCluster(where, id string) {
	if own := v.dir.Marker().ClusterID; id != "" && id != own {
		v.problem(where, fmt.Sprintf("it is of cluster %s, and the marker says %q", id, own),
			"the marker or the data is another node's: restore what belongs here")
	}
}

func (v *checkup) checkOldLogs() error {
	store, there, err := v.dir.Unfinished()
	if err != nil {
		v.problem("migration.json", err.Error(), "keyval log migrate -prune "+v.dir.Path())
		return nil
	}
	if there {
		v.note(v.dir.Path(), fmt.Sprintf("a migration to %s is not at its end: keyval log migrate -to %s %s goes on with it, and -prune gives it up",
			store, store, v.dir.Path()))
		return nil
	}
	old, err := v.dir.OldLogs()
	for _, dir := range old {
		v.note(dir, "is the log before a migration: keyval log migrate -prune "+v.dir.Path()+" removes it")
	}
	return err
}

// checkLog reads every entry.
func (v *checkup) checkLog(ctx context.Context, store storage.Store) (err error) {
	if v.first, err = store.FirstIndex(); err == nil {
		v.last, err = store.LastIndex()
	}
	if err != nil {
		v.problem(v.dir.LogDir(), err.Error(), fixRejoin)
		return nil
	}
	m := v.dir.Marker()
	if v.last == 0 {
		if m.Member && v.covered == 0 {
			v.problem(v.dir.LogDir(), fmt.Sprintf("the marker says that this is a member of cluster %s, and its log is empty", m.ClusterID),
				"restore the log; otherwise "+fixRejoin)
		}
		return nil
	}
	v.checkMissing(v.first, 0)
	before := uint64(0) // the newest index that was there
	for index := v.first; index <= v.last; index++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		var e raft.Log
		err := store.GetLog(index, &e)
		if errors.Is(err, raft.ErrLogNotFound) {
			continue
		}
		v.read++
		if before > 0 && before+1 < index {
			v.checkMissing(index, before)
		}
		before = index
		if err != nil {
			v.problem(entryAt(index), "it cannot be read: "+err.Error(), fixRejoin)
			continue
		}
		v.checkEntry(index, &e)
	}
	v.checkEnd(before)
	return nil
}

func entryAt(index uint64) string { return fmt.Sprintf("log entry %d", index) }

// checkMissing looks at what is missing below an entry that is there, down to
// the one before. Where Raft installed a snapshot, nothing need be there.
func (v *checkup) checkMissing(index, before uint64) {
	from := max(before, v.covered)
	switch {
	case from+1 < index:
		v.problem(fmt.Sprintf("log entries %d to %d", from+1, index-1), "they are missing, and no snapshot that can be read has them", fixRejoin)
	case before > 0:
		v.note(fmt.Sprintf("log entries %d to %d", before+1, index-1), fmt.Sprintf("they are missing, and the snapshot up to %d has them", v.covered))
	}
}

func (v *checkup) checkEntry(index uint64, e *raft.Log) {
	if e.Index != index {
		v.problem(entryAt(index), fmt.Sprintf("it says that it is entry %d", e.Index), fixRejoin)
	}
	if e.Term < v.lastTerm {
		v.problem(entryAt(index), fmt.Sprintf("its term %d is below that of an entry before it, %d", e.Term, v.lastTerm), fixRejoin)
	}
	if index == v.covered && e.Term != v.coveredTerm || index > v.covered && e.Term < v.coveredTerm {
		v.problem(entryAt(index), fmt.Sprintf("its term %d does not go with the snapshot up to %d, of term %d", e.Term, v.covered, v.coveredTerm), fixRejoin)
	}
	v.lastTerm = max(v.lastTerm, e.Term)
	if _, err := viewEntry(e); err != nil {
		fix := fixRejoin
		if errors.Is(err, command.ErrUnknownVersion) {
			fix = fixUpgrade
		}
		v.problem(entryAt(index), "it cannot be decoded: "+err.Error(), fix)
		return
	}
	if e.Type == raft.LogCommand {
		v.checkFounding(index, e.Data)
	}
}

func (v *checkup) checkFounding(index uint64, data []byte) {
	commands, err := command.Decode(data)
	if err != nil {
		return // told by the caller
	}
	for _, c := range commands {
		if init, ok := c.GetOp().(*pb.Command_InitCluster); ok {
			v.checkCluster(entryAt(index), init.InitCluster.GetClusterId())
		}
	}
}

func (v *checkup) checkEnd(newest uint64) {
	switch {
	case newest != v.last:
		v.problem(entryAt(v.last), "the log says that it ends with it, and it is missing", fixRejoin)
	case v.last < v.covered:
		v.note(v.dir.LogDir(), fmt.Sprintf("the log ends with %d, before the snapshot up to %d: the node drops it when it starts", v.last, v.covered))
	}
}

// checkState compares what the node remembers of its own with the log.
func (v *checkup) checkState(store storage.Store) {
	var err error
	if v.state, err = migrate.ReadState(store); err != nil {
		v.problem("term and vote", err.Error(), fixRejoin)
		return
	}
	if newest := max(v.lastTerm, v.coveredTerm); v.state.Term < newest {
		v.problem("term", fmt.Sprintf("it is %d, and the log or a snapshot is of term %d", v.state.Term, newest), fixRejoin)
	}
	if v.state.Voted && v.state.VoteTerm > v.state.Term {
		v.problem("vote", fmt.Sprintf("it was given in term %d, and the node knows none above %d", v.state.VoteTerm, v.state.Term), fixRejoin)
	}
}
