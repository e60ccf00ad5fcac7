package app

import (
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/apps/keyval/datadir"
	"github.com/forkbikash/keyval/core/command"
	pb "github.com/forkbikash/keyval/core/command/commandpb"
	"github.com/forkbikash/keyval/core/fsm"
	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/guard"
)

func mustDo(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// aLog is the log of a node that founded cluster c1: entry 1 has its members,
// entry 2 the cluster's id, and each of the others a key. Ten entries are of one
// term.
func aLog(low, high uint64) []*raft.Log {
	var logs []*raft.Log
	for i := low; i <= high; i++ {
		e := &raft.Log{Index: i, Term: termOf(i)}
		switch i {
		case 1:
			e.Type = raft.LogConfiguration
			e.Data = raft.EncodeConfiguration(raft.Configuration{Servers: []raft.Server{{ID: "node0", Address: "localhost:12000"}}})
		case 2:
			e.Data = anEntry(command.InitCluster("c1"))
		default:
			e.Data = anEntry(command.Write(command.Put(fmt.Appendf(nil, "key%d", i), []byte("value"))))
		}
		logs = append(logs, e)
	}
	return logs
}

func termOf(index uint64) uint64 { return 1 + index/10 }

func anEntry(c *pb.Command) []byte {
	b, err := command.Marshal(c)
	if err != nil {
		panic(err) // a message of ours always marshals
	}
	return command.AppendEntry(nil, b)
}

// member makes the data directory of a member with that log store and fills it.
func member(t *testing.T, store string, fill func(storage.Store)) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "node0")
	d, err := datadir.Open(path, datadir.Options{NodeID: "node0", LogStore: store})
	mustDo(t, err)
	mustDo(t, d.SetCluster("c1"))
	mustDo(t, d.SetMember(true))
	mustDo(t, d.Close())
	inLog(t, path, fill)
	return path
}

// inLog does something with the log of a directory, as a node would.
func inLog(t *testing.T, path string, do func(storage.Store)) {
	t.Helper()
	d, err := datadir.OpenExisting(path)
	mustDo(t, err)
	open := Builtin().LogStores[d.Marker().LogStore]
	s, err := guard.Opener(open, guard.Options{Mode: guard.Mode(d.Marker().Guard)})(d.LogDir(), storage.Options{})
	mustDo(t, err)
	do(s)
	mustDo(t, s.Close())
	mustDo(t, d.Close())
}

// filled is entries 1 to high, and a vote in the newest term.
func filled(t *testing.T, high uint64) func(storage.Store) {
	return func(s storage.Store) {
		mustDo(t, s.StoreLogs(aLog(1, high)))
		voted(t, s, termOf(high))
	}
}

func voted(t *testing.T, s storage.Store, term uint64) {
	t.Helper()
	mustDo(t, s.SetUint64([]byte("CurrentTerm"), term))
	mustDo(t, s.SetUint64([]byte("LastVoteTerm"), term))
	mustDo(t, s.Set([]byte("LastVoteCand"), []byte("node0")))
}

// addSnapshot takes a snapshot up to index, and returns its directory.
func addSnapshot(t *testing.T, path string, index uint64, cluster string) string {
	t.Helper()
	state := fsm.New()
	for _, e := range aLog(1, index) {
		if e.Type != raft.LogCommand {
			continue
		}
		commands, err := command.Decode(e.Data)
		mustDo(t, err)
		if e.Index == 2 {
			commands[0] = command.InitCluster(cluster)
		}
		state.Apply(e.Index, e.Term, commands)
	}
	snapshots, err := openSnapshots(path, slog.New(slog.DiscardHandler))
	mustDo(t, err)
	_, trans := raft.NewInmemTransport("")
	sink, err := snapshots.Create(1, index, termOf(index),
		raft.Configuration{Servers: []raft.Server{{ID: "node0", Address: "localhost:12000"}}}, 1, trans)
	mustDo(t, err)
	pinned := state.Snapshot()
	defer pinned.Release()
	_, err = pinned.WriteTo(sink)
	mustDo(t, err)
	mustDo(t, sink.Close())
	return filepath.Join(path, "snapshots", sink.ID())
}

// tree is every file below path and what it holds.
func tree(t *testing.T, path string) map[string]string {
	t.Helper()
	files := map[string]string{}
	mustDo(t, filepath.WalkDir(path, func(name string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			files[name+"/"] = ""
			return err
		}
		b, err := os.ReadFile(name)
		files[name] = string(b)
		return err
	}))
	return files
}

// untouched runs do and makes sure that nothing in path is another afterwards.
func untouched(t *testing.T, path string, do func()) {
	t.Helper()
	before := tree(t, path)
	do()
	after := tree(t, path)
	if !maps.Equal(before, after) {
		t.Errorf("it changed the directory from %v to %v, or what is in it",
			slices.Sorted(maps.Keys(before)), slices.Sorted(maps.Keys(after)))
	}
}
