package app

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
)

func TestVerifyOfWhatIsWhole(t *testing.T) {
	for _, store := range durableNames {
		t.Run(store, func(t *testing.T) {
			path := member(t, store, filled(t, 25))
			untouched(t, path, func() {
				wantRun(t, invoke(nil, "log", "verify", path), "is whole: 25 log entries, 1 to 25, 0 snapshots, term 3")
			})
			addSnapshot(t, path, 20, "c1")
			inLog(t, path, func(s storage.Store) { mustDo(t, s.DeleteRange(1, 12)) })
			wantRun(t, invoke(nil, "log", "verify", path), "is whole: 13 log entries, 13 to 25, 1 snapshot, term 3")
		})
	}
}

// What is odd and harms nobody is said, and is no damage.
func TestVerifyNotes(t *testing.T) {
	path := member(t, "bolt", filled(t, 30))
	addSnapshot(t, path, 20, "c1")
	inLog(t, path, func(s storage.Store) { mustDo(t, s.DeleteRange(11, 20)) })
	wantRun(t, invoke(nil, "log", "verify", path), "note: log entries 11 to 20: they are missing, and the snapshot up to 20 has them", "is whole")
	inLog(t, path, func(s storage.Store) { mustDo(t, s.DeleteRange(15, 30)) })
	wantRun(t, invoke(nil, "log", "verify", path), "the log ends with 10, before the snapshot up to 20", "is whole")
}

func overwrite(index uint64, change func(*raft.Log)) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		inLog(t, path, func(s storage.Store) {
			e := aLog(index, index)[0]
			change(e)
			mustDo(t, s.StoreLog(e))
		})
	}
}

// edit changes a file of a directory.
func edit(t *testing.T, name string, change func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(name)
	mustDo(t, err)
	changed := change(b)
	if bytes.Equal(b, changed) {
		t.Fatalf("%s has nothing to change", name)
	}
	mustDo(t, os.WriteFile(name, changed, 0o600))
}

func flip(at int) func([]byte) []byte {
	return func(b []byte) []byte {
		b = bytes.Clone(b)
		b[at] ^= 1
		return b
	}
}

func TestVerifyFindsDamage(t *testing.T) {
	for _, c := range []struct {
		name   string
		damage func(*testing.T, string)
		want   []string
	}{
		{
			"a gap", func(t *testing.T, path string) {
				inLog(t, path, func(s storage.Store) { mustDo(t, s.DeleteRange(11, 14)) })
			},
			[]string{"problem: log entries 11 to 14: they are missing, and no snapshot", "join again with an empty data directory"},
		},
		{
			"the head missing", func(t *testing.T, path string) {
				inLog(t, path, func(s storage.Store) { mustDo(t, s.DeleteRange(1, 4)) })
			},
			[]string{"problem: log entries 1 to 4: they are missing"},
		},
		{
			"a gap above the snapshot", func(t *testing.T, path string) {
				addSnapshot(t, path, 12, "c1")
				inLog(t, path, func(s storage.Store) { mustDo(t, s.DeleteRange(11, 14)) })
			},
			[]string{"problem: log entries 13 to 14: they are missing"},
		},
		{"a term that goes back", overwrite(15, func(e *raft.Log) { e.Term = 1 }), []string{"problem: log entry 15: its term 1 is below that of an entry before it, 2"}},
		{"an entry that is no command", overwrite(15, func(e *raft.Log) { e.Data = []byte("\x01nonsense") }), []string{"problem: log entry 15: it cannot be decoded", "not a keyval command"}},
		{"an entry of a newer version", overwrite(15, func(e *raft.Log) { e.Data = []byte("\x63") }), []string{"problem: log entry 15", "newer version", "upgrade keyval"}},
		{"an entry of no type", overwrite(15, func(e *raft.Log) { e.Type = 77 }), []string{"problem: log entry 15", "type 77"}},
		{"a configuration that is none", overwrite(1, func(e *raft.Log) { e.Data = []byte{0xc1} }), []string{"problem: log entry 1: it cannot be decoded", "configuration"}},
		{"a snapshot of another term", func(t *testing.T, path string) {
			addSnapshot(t, path, 12, "c1")
			overwrite(12, func(e *raft.Log) { e.Term = 1 })(t, path)
		}, []string{"problem: log entry 12: its term 1 does not go with the snapshot up to 12, of term 2"}},
		{"a damaged state", func(t *testing.T, path string) {
			edit(t, filepath.Join(addSnapshot(t, path, 12, "c1"), "state.bin"), flip(60))
		}, []string{"problem: snapshot 2-12-", "checksum does not fit", "restore it from a backup"}},
		{"a short state", func(t *testing.T, path string) {
			edit(t, filepath.Join(addSnapshot(t, path, 12, "c1"), "state.bin"), func(b []byte) []byte { return b[:20] })
		}, []string{"problem: snapshot 2-12-", "has 20 bytes, not"}},
		{"damaged metadata", func(t *testing.T, path string) {
			edit(t, filepath.Join(addSnapshot(t, path, 12, "c1"), "meta.json"), func(b []byte) []byte {
				return bytes.Replace(b, []byte(`"Index":12`), []byte(`"Index":13`), 1)
			})
		}, []string{"problem: snapshot 2-12-", "meta.json", "index 13"}},
		{"a snapshot of another cluster", func(t *testing.T, path string) { addSnapshot(t, path, 12, "c2") }, []string{"problem: snapshot 2-12-", `it is of cluster c2, and the marker says "c1"`, "another node's"}},
		{"the marker of another cluster", func(t *testing.T, path string) {
			edit(t, filepath.Join(path, "keyval.json"), func(b []byte) []byte { return bytes.Replace(b, []byte("c1"), []byte("c9"), 1) })
		}, []string{"problem: log entry 2: it is of cluster c1, and the marker says \"c9\"", "restore what belongs here"}},
		{"the marker of another store", func(t *testing.T, path string) {
			edit(t, filepath.Join(path, "keyval.json"), func(b []byte) []byte { return bytes.Replace(b, []byte("bolt"), []byte("wal"), 1) })
		}, []string{"problem: ", "log: the marker says that this is a log of wal, and it cannot be opened", "restore its own"}},
		{"the marker of a store that is not here", func(t *testing.T, path string) {
			edit(t, filepath.Join(path, "keyval.json"), func(b []byte) []byte { return bytes.Replace(b, []byte("bolt"), []byte("rock"), 1) })
		}, []string{`names a log store "rock", which this binary does not have`, "use the binary that made the directory"}},
		{"a log that is gone", func(t *testing.T, path string) { mustDo(t, os.RemoveAll(filepath.Join(path, "log"))) }, []string{"a member of cluster c1, and its log is empty"}},
		{"a term below the log's", func(t *testing.T, path string) {
			inLog(t, path, func(s storage.Store) { mustDo(t, s.SetUint64([]byte("CurrentTerm"), 1)) })
		}, []string{"problem: term: it is 1, and the log or a snapshot is of term 3", "problem: vote: it was given in term 3"}},
		{"a file cut short", func(t *testing.T, path string) {
			edit(t, filepath.Join(path, "log", "raft.db"), func(b []byte) []byte { return b[:8192] })
		}, []string{"problem: "}},
		{"pages that were lost", func(t *testing.T, path string) {
			edit(t, filepath.Join(path, "log", "raft.db"), func(b []byte) []byte {
				b = bytes.Clone(b)
				clear(b[2*4096:])
				return b
			})
		}, []string{"problem: "}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := member(t, "bolt", filled(t, 25))
			c.damage(t, path)
			untouched(t, path, func() {
				got := invoke(nil, "log", "verify", path)
				wantFailed(t, got, path+" has ", "problem")
				for _, w := range c.want {
					if !strings.Contains(got.stdout, w) {
						t.Errorf("got %q, want it to say %q", got.stdout, w)
					}
				}
			})
		})
	}
}

func TestVerifyOfAMarkerThatCannotBeRead(t *testing.T) {
	path := member(t, "bolt", filled(t, 3))
	file := filepath.Join(path, "keyval.json")
	edit(t, file, func(b []byte) []byte { return b[:20] })
	wantFailed(t, invoke(nil, "log", "verify", path), file, "restore it")
	mustDo(t, os.Remove(file))
	wantFailed(t, invoke(nil, "log", "verify", path), "not a node's data directory", "keyval.json")
}
