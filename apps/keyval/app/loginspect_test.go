package app

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/forkbikash/keyval/apps/keyval/datadir"
	"github.com/forkbikash/keyval/storage"
)

var durableNames = []string{"bolt", "pebble", "wal"}

// wantRun checks that the command succeeds and prints each of want.
func wantRun(t *testing.T, got invocation, want ...string) {
	t.Helper()
	if got.code != 0 || got.stderr != "" {
		t.Fatalf("got exit code %d, standard error %q", got.code, got.stderr)
	}
	for _, w := range want {
		if !strings.Contains(got.stdout, w) {
			t.Errorf("got %q, want it to say %q", got.stdout, w)
		}
	}
}

func TestInspect(t *testing.T) {
	for _, store := range durableNames {
		t.Run(store, func(t *testing.T) {
			path := member(t, store, filled(t, 25))
			addSnapshot(t, path, 20, "c1")
			// bbolt and raft-wal keep their files at the same bytes, and pebble replays
			// in memory.
			untouched(t, path, func() {
				wantRun(t, invoke(nil, "log", "inspect", path),
					"node0, a member of cluster c1", store+", guard on, in "+filepath.Join(path, "log"),
					"entries 1 to 25, terms 1 to 3", `3, voted for node0 in term 3`,
					"node0 (voter, localhost:12000), as of entry 1", "up to entry 20 of term 3")
			})
		})
	}
}

func TestInspectJSON(t *testing.T) {
	path := member(t, "bolt", filled(t, 12))
	addSnapshot(t, path, 11, "c1")
	got := invoke(nil, "log", "inspect", "-json", "-entries", "11:", path)
	wantRun(t, got)
	var in inspection
	mustDo(t, json.Unmarshal([]byte(got.stdout), &in))
	if in.Dir != path || in.NodeID != "node0" || in.ClusterID != "c1" || !in.Member || in.LogStore != "bolt" ||
		in.FirstIndex != 1 || in.LastIndex != 12 || in.FirstTerm != 1 || in.LastTerm != 2 || in.CurrentTerm != 2 ||
		in.Vote == nil || *in.Vote != (voteView{2, "node0"}) || in.MembersFrom != 1 || len(in.Members) != 1 ||
		len(in.Snapshots) != 1 || in.Snapshots[0].Index != 11 || in.LogBytes == 0 || in.SnapshotBytes == 0 || in.OldLogs == nil {
		t.Errorf("got %+v", in)
	}
	if len(in.Entries) != 2 || in.Entries[0].Commands[0].Writes[0] != (writeView{Op: "put", Key: "key11", Value: "value"}) {
		t.Errorf("got entries %+v", in.Entries)
	}
}

func TestInspectEntries(t *testing.T) {
	path := member(t, "pebble", filled(t, 12))
	inLog(t, path, func(s storage.Store) { mustDo(t, s.DeleteRange(5, 9)) })
	for _, c := range []struct{ of, want string }{
		{"1:3", "1  term 1  configuration  node0 (voter, localhost:12000)\n2  term 1  command  init_cluster c1\n3  term 1  command  put \"key3\" = \"value\"\n"},
		{"4:10", "4  term 1  command  put \"key4\" = \"value\"\n10  term 2  command  put \"key10\" = \"value\"\n"},
		{"12", "12  term 2  command  put \"key12\" = \"value\"\n"},
		{"12:", "12  term 2  command  put \"key12\" = \"value\"\n"},
		{":1", "1  term 1  configuration  node0 (voter, localhost:12000)\n"},
		{"13:20", ""},
	} {
		got := invoke(nil, "log", "inspect", "-entries", c.of, path)
		wantRun(t, got)
		_, entries, _ := strings.Cut(got.stdout, "on disk")
		if _, entries, _ = strings.Cut(entries, "\n"); entries != c.want {
			t.Errorf("-entries %s: got %q, want %q", c.of, entries, c.want)
		}
	}
}

// A node that was stopped before it came to anything.
func TestInspectOfNothing(t *testing.T) {
	path := t.TempDir()
	d, err := datadir.Open(path, datadir.Options{NodeID: "node7", LogStore: "wal"})
	mustDo(t, err)
	mustDo(t, d.Close())
	untouched(t, path, func() {
		wantRun(t, invoke(nil, "log", "inspect", path), "node7\n", "empty", "0, never voted", "members    none")
		wantRun(t, invoke(nil, "log", "verify", path), "is whole: an empty log, 0 snapshots, term 0 and no vote")
	})
}

func TestLogRefuses(t *testing.T) {
	path := member(t, "bolt", filled(t, 3))
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{}, "log needs a command: inspect, verify, migrate"},
		{[]string{"inspekt", path}, `there is no command "log inspekt" (did you mean inspect?); keyval log -h lists them`},
		{[]string{path}, "there is no command"},
		{[]string{"inspect"}, "no data directory: write keyval log inspect [flags] DIR"},
		{[]string{"inspect", "-jsno", path}, "there is no flag -jsno (did you mean -json?); keyval log -h lists them"},
		{[]string{"inspect", path, "-json"}, "flags go before the data directory: write -json before " + path},
		{[]string{"verify", path, path}, "there is something after the data directory"},
		{[]string{"inspect", "-entries", "9:1", path}, `-entries "9:1": write FROM:TO`},
		{[]string{"inspect", "-entries", "x", path}, `write FROM:TO`},
		{[]string{"inspect", "-entries=", path}, `write FROM:TO`},
		{[]string{"inspect", "-log-store", "wal", path}, "has its log in bolt, and -log-store says wal"},
		{[]string{"verify", "-log-store", "wal", path}, "has its log in bolt, and -log-store says wal"},
		{[]string{"inspect", "-log-store", "bolt:x=y", path}, "it takes freelist=map|array"},
		{[]string{"verify", "-log-store", "bolt:x=y", path}, "it takes freelist=map|array"},
		{[]string{"verify", "-log-store", "blot", path}, "(did you mean bolt?)"},
		{[]string{"migrate", path}, "where to: write keyval log migrate -to NAME DIR, with one of bolt, pebble, wal"},
		{[]string{"migrate", "-to", "wall", path}, "(did you mean wal?)"},
		{[]string{"migrate", "-to", "inmem", path}, "keeps nothing in a directory"},
		{[]string{"migrate", "-to", "wal:x=y", path}, "it takes segment="},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			untouched(t, path, func() {
				wantRefused(t, invoke(nil, append([]string{"log"}, c.args...)...), c.want)
			})
		})
	}
}

// wantFailed checks that the command ends with 1 and one line that says each of
// want.
func wantFailed(t *testing.T, got invocation, want ...string) {
	t.Helper()
	if got.code != exitFailure || !strings.HasPrefix(got.stderr, "keyval: ") || strings.Count(got.stderr, "\n") != 1 {
		t.Errorf("got exit code %d, standard error %q, want 1 and one line", got.code, got.stderr)
	}
	for _, w := range want {
		if !strings.Contains(got.stderr, w) {
			t.Errorf("got standard error %q, want it to say %q", got.stderr, w)
		}
	}
}

func TestLogOfADirectoryInUse(t *testing.T) {
	path := member(t, "bolt", filled(t, 3))
	d, err := datadir.Open(path, datadir.Options{})
	mustDo(t, err)
	defer d.Close() //nolint:errcheck // the test is over
	for _, args := range [][]string{{"inspect"}, {"verify"}, {"migrate", "-to", "wal"}, {"migrate", "-prune"}} {
		got := invoke(nil, append(append([]string{"log"}, args...), path)...)
		wantFailed(t, got, path, "in use by another keyval: stop that one")
	}
}

func TestLogHelp(t *testing.T) {
	for _, line := range []string{"log -h", "log --help", "log inspect -h", "log migrate -to x -h", "log verify -help"} {
		wantRun(t, invoke(nil, strings.Fields(line)...), "keyval log inspect [flags] DIR", "move to: bolt, pebble, wal\n")
	}
}
