package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/apps/keyval/datadir"
	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/migrate"
	"github.com/forkbikash/keyval/storage/walstore"
)

// wantLog checks that the directory's log is of that store, holds exactly the
// entries low to high of aLog, and has the vote of the newest term.
func wantLog(t *testing.T, path, store string, low, high uint64) {
	t.Helper()
	d, err := datadir.OpenForReading(path)
	mustDo(t, err)
	got := d.Marker().LogStore
	mustDo(t, d.Close())
	if got != store {
		t.Fatalf("the marker names %s, want %s", got, store)
	}
	inLog(t, path, func(s storage.Store) {
		span, err := migrate.Newest(t.Context(), s)
		mustDo(t, err)
		if span != (migrate.Span{First: low, Last: high}) {
			t.Fatalf("got entries %v, want %d to %d", span, low, high)
		}
		for _, want := range aLog(low, high) {
			var e raft.Log
			mustDo(t, s.GetLog(want.Index, &e))
			if e.Term != want.Term || e.Type != want.Type || !bytes.Equal(e.Data, want.Data) {
				t.Fatalf("got entry %+v, want %+v", e, *want)
			}
		}
		st, err := migrate.ReadState(s)
		mustDo(t, err)
		if want := (migrate.State{Term: termOf(high), Voted: true, VoteTerm: termOf(high), Candidate: "node0"}); st != want {
			t.Errorf("got %v, want %v", st, want)
		}
	})
}

func TestMigrate(t *testing.T) {
	for _, from := range durableNames {
		for _, to := range durableNames {
			if from == to {
				continue
			}
			t.Run(from+" to "+to, func(t *testing.T) {
				path := member(t, from, filled(t, 25))
				wantRun(t, invoke(nil, "log", "migrate", "-to", to, path),
					"has its log in "+to+" now, before in "+from+": entries 1 to 25, compared one by one",
					filepath.Join(path, "log")+" is kept", "keyval log migrate -prune "+path)
				wantLog(t, path, to, 1, 25)
				wantRun(t, invoke(nil, "log", "verify", path), "note: "+filepath.Join(path, "log"), "is whole")

				wantRun(t, invoke(nil, "log", "migrate", "-to", to, path), "has its log in "+to)
				wantRun(t, invoke(nil, "log", "migrate", "-prune", path), "removed "+filepath.Join(path, "log"))
				wantRun(t, invoke(nil, "log", "migrate", "-prune", path), "has no log but the one that it uses")
				wantRun(t, invoke(nil, "log", "migrate", "-prune", "-to", from, path), "removed "+filepath.Join(path, "log.2"))
				wantLog(t, path, from, 1, 25)
			})
		}
	}
}

// A node that never came to anything, with and without a store that was opened.
func TestMigrateNothing(t *testing.T) {
	for _, opened := range []bool{false, true} {
		for _, to := range []string{"wal", "pebble"} {
			t.Run(fmt.Sprint(to, " ", opened), func(t *testing.T) {
				path := t.TempDir()
				d, err := datadir.Open(path, datadir.Options{NodeID: "node0", LogStore: "bolt"})
				mustDo(t, err)
				mustDo(t, d.Close())
				if opened {
					inLog(t, path, func(storage.Store) {})
				}
				wantRun(t, invoke(nil, "log", "migrate", "-to", to, path), "an empty log, compared")
				inLog(t, path, func(s storage.Store) {
					if st, err := migrate.ReadState(s); err != nil || st != (migrate.State{}) {
						t.Errorf("got %v, %v", st, err)
					}
				})
			})
		}
	}
}

// Where a snapshot has what is missing, only what lies above the gap is copied.
func TestMigrateGap(t *testing.T) {
	for _, from := range []string{"bolt", "pebble"} {
		t.Run(from, func(t *testing.T) {
			gapped := func(s storage.Store) {
				mustDo(t, s.StoreLogs(aLog(1, 9)))
				mustDo(t, s.StoreLogs(aLog(21, 30)))
				voted(t, s, termOf(30))
			}
			path := member(t, from, gapped)
			untouched(t, path, func() {
				wantFailed(t, invoke(nil, "log", "migrate", "-to", "wal", path), "entries 1 to 20 are missing", "as it was")
			})
			addSnapshot(t, path, 20, "c1")
			wantRun(t, invoke(nil, "log", "migrate", "-to", "wal", path), "entries 21 to 30, compared")
			wantLog(t, path, "wal", 21, 30)
			wantRun(t, invoke(nil, "log", "verify", path), "is whole")
		})
	}
}

func TestMigrateRefusesDamage(t *testing.T) {
	t.Run("a term that goes back", func(t *testing.T) {
		path := member(t, "bolt", filled(t, 25))
		overwrite(15, func(e *raft.Log) { e.Term = 1 })(t, path)
		untouched(t, path, func() {
			wantFailed(t, invoke(nil, "log", "migrate", "-to", "wal", path), "entry 14 has term 2", "keyval log verify "+path)
		})
	})
	t.Run("a log that is gone", func(t *testing.T) {
		path := member(t, "bolt", filled(t, 25))
		mustDo(t, os.RemoveAll(filepath.Join(path, "log")))
		untouched(t, path, func() {
			wantFailed(t, invoke(nil, "log", "migrate", "-to", "wal", path), "its Raft log is gone", "join again with an empty directory")
		})
	})
	t.Run("a damaged snapshot that the log needs", func(t *testing.T) {
		path := member(t, "bolt", filled(t, 25))
		snapshot := addSnapshot(t, path, 20, "c1")
		inLog(t, path, func(s storage.Store) { mustDo(t, s.DeleteRange(1, 15)) })
		edit(t, filepath.Join(snapshot, "state.bin"), flip(60))
		untouched(t, path, func() {
			wantFailed(t, invoke(nil, "log", "migrate", "-to", "wal", path), "entries 1 to 15 are missing")
		})
	})
}

var errKilled = errors.New("killed")

// dying is a log store that writes no more from the n-th write on.
type dying struct {
	storage.Store
	left *int
}

func (d dying) write(do func() error) error {
	if *d.left--; *d.left < 0 {
		return errKilled
	}
	return do()
}

func (d dying) StoreLogs(logs []*raft.Log) error {
	return d.write(func() error { return d.Store.StoreLogs(logs) })
}

func (d dying) Set(key, value []byte) error {
	return d.write(func() error { return d.Store.Set(key, value) })
}

func (d dying) SetUint64(key []byte, value uint64) error {
	return d.write(func() error { return d.Store.SetUint64(key, value) })
}

// plugsWith are the built-in ones and a store of somebody's own, called mine,
// which is wal under another name and dies after so many writes.
func plugsWith(left *int) Plugs {
	p := Builtin()
	p.LogStores["mine"] = func(dir string, o storage.Options) (storage.Store, error) {
		o.Arg = "segment=1MiB"
		s, err := walstore.Open(dir, o)
		if err != nil || o.ReadOnly {
			return s, err
		}
		return dying{s, left}, nil
	}
	return p
}

func runMigration(t *testing.T, path string, plugs Plugs, step func(string) error) error {
	t.Helper()
	d, err := datadir.OpenExisting(path)
	mustDo(t, err)
	defer func() { mustDo(t, d.Close()) }()
	p := program{plugs: plugs, stdout: io.Discard, stderr: io.Discard, getenv: func(string) string { return "" }}
	m := &migration{program: p, dir: d, to: Plug{Name: "mine"}, step: step}
	return m.run(t.Context())
}

// The process ends at each write of the copy: the node is as it was, and the
// same command goes on.
func TestMigrateFailsAtEachWrite(t *testing.T) {
	const last = 1100 // three batches
	finished := 0
	for n := 0; finished == 0; n++ {
		path := member(t, "bolt", filled(t, last))
		left := n
		err := runMigration(t, path, plugsWith(&left), nil)
		if err == nil {
			finished = n
			continue
		}
		if !errors.Is(err, errKilled) || !strings.Contains(err.Error(), path+" is as it was") {
			t.Fatalf("write %d: got %v", n, err)
		}
		wantLog(t, path, "bolt", 1, last)
		left = 1000
		mustDo(t, runMigration(t, path, plugsWith(&left), nil))
		wantMine(t, path, last)
	}
	if finished < 5 {
		t.Errorf("only %d writes", finished)
	}
}

// wantMine checks the log in the store called mine.
func wantMine(t *testing.T, path string, high uint64) {
	t.Helper()
	d, err := datadir.OpenForReading(path)
	mustDo(t, err)
	defer func() { mustDo(t, d.Close()) }()
	if d.Marker().LogStore != "mine" {
		t.Fatalf("the marker names %s", d.Marker().LogStore)
	}
	p := program{plugs: plugsWith(new(int))}
	s, err := p.openLog(d, Plug{})
	mustDo(t, err)
	span, err := migrate.Newest(t.Context(), s)
	if err != nil || span != (migrate.Span{First: 1, Last: high}) {
		t.Errorf("got entries %v, %v", span, err)
	}
	mustDo(t, s.Close())
}

// The process ends before each step.
func TestMigrateFailsAtEachStep(t *testing.T) {
	var steps []string
	mustDo(t, runMigration(t, member(t, "bolt", filled(t, 25)), plugsWith(ptr(1000)), func(step string) error {
		steps = append(steps, step)
		return nil
	}))
	if want := []string{"begin", "write", "compare", "switch"}; !slices.Equal(steps, want) {
		t.Fatalf("got steps %v, want %v", steps, want)
	}
	for _, at := range steps {
		t.Run(at, func(t *testing.T) {
			path := member(t, "bolt", filled(t, 25))
			err := runMigration(t, path, plugsWith(ptr(1000)), func(step string) error {
				if step == at {
					return errKilled
				}
				return nil
			})
			if !errors.Is(err, errKilled) {
				t.Fatalf("got %v", err)
			}
			wantLog(t, path, "bolt", 1, 25)
			inLog(t, path, func(s storage.Store) { // the node served in between
				mustDo(t, s.StoreLogs(aLog(26, 31)))
				voted(t, s, termOf(31))
			})
			mustDo(t, runMigration(t, path, plugsWith(ptr(1000)), nil))
			wantMine(t, path, 31)
		})
	}
}

func ptr[T any](v T) *T { return &v }

// A store that keeps other things than it was given is found out.
func TestMigrateToALyingStore(t *testing.T) {
	plugs := Builtin()
	plugs.LogStores["mine"] = func(dir string, o storage.Options) (storage.Store, error) {
		s, err := walstore.Open(dir, o)
		return forgetful{s}, err
	}
	path := member(t, "bolt", filled(t, 25))
	err := runMigration(t, path, plugs, nil)
	if err == nil || !strings.Contains(err.Error(), "entry 5") || !strings.Contains(err.Error(), "as it was") {
		t.Errorf("got %v, want it to name entry 5", err)
	}
	wantLog(t, path, "bolt", 1, 25)
}

type forgetful struct{ storage.Store }

func (f forgetful) StoreLogs(logs []*raft.Log) error {
	kept := make([]*raft.Log, len(logs))
	for i, l := range logs {
		kept[i] = l
		if l.Index == 5 {
			other := *l
			other.Data = nil
			kept[i] = &other
		}
	}
	return f.Store.StoreLogs(kept)
}

func TestMigrateInterrupted(t *testing.T) {
	path := member(t, "bolt", filled(t, 25))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stderr bytes.Buffer
	p := program{plugs: Builtin(), stdout: io.Discard, stderr: &stderr, getenv: func(string) string { return "" }}
	code := p.run(ctx, []string{"keyval", "log", "migrate", "-to", "wal", path})
	if code != exitFailure || !strings.Contains(stderr.String(), "interrupted: "+path+" is as it was; the same command goes on") {
		t.Errorf("got %d, %q", code, stderr.String())
	}
	wantLog(t, path, "bolt", 1, 25)
}

// The note and the marker cannot be written: the node is as it was.
func TestMigrateFailsAtItsOwnFiles(t *testing.T) {
	for file, step := range map[string]string{"migration.json": "begin", "keyval.json": "switch"} {
		t.Run(file, func(t *testing.T) {
			path := member(t, "bolt", filled(t, 25))
			err := runMigration(t, path, plugsWith(ptr(1000)), func(s string) error {
				if s == step {
					return os.Mkdir(filepath.Join(path, file+".tmp"), 0o700) // where the file is first written
				}
				return nil
			})
			if err == nil || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), path) {
				t.Fatalf("got %v, want an error that names %s", err, file)
			}
			wantLog(t, path, "bolt", 1, 25)
			mustDo(t, runMigration(t, path, plugsWith(ptr(1000)), nil))
			wantMine(t, path, 25)
		})
	}
}

// A store that cannot go on with what a killed process left of it gets a new
// directory.
func TestMigrateMakesACopyAnew(t *testing.T) {
	path := member(t, "bolt", filled(t, 1100))
	if err := runMigration(t, path, plugsWith(ptr(1)), nil); !errors.Is(err, errKilled) {
		t.Fatalf("got %v", err)
	}
	plugs := plugsWith(ptr(1000))
	open, opened := plugs.LogStores["mine"], 0
	plugs.LogStores["mine"] = func(dir string, o storage.Options) (storage.Store, error) {
		if opened++; opened == 1 {
			return nil, errors.New("segment is sealed")
		}
		return open(dir, o)
	}
	mustDo(t, runMigration(t, path, plugs, nil))
	wantMine(t, path, 1100)
	if opened != 3 {
		t.Errorf("the store was opened %d times, want 3: once in vain, once to write, once to compare", opened)
	}
}
