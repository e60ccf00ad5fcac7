package process_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/apps/keyval/datadir"
	"github.com/forkbikash/keyval/core/command"
	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/boltstore"
	"github.com/forkbikash/keyval/storage/guard"
	"github.com/forkbikash/keyval/storage/migrate"
	"github.com/forkbikash/keyval/storage/pebblestore"
	"github.com/forkbikash/keyval/storage/walstore"
)

var openers = map[string]storage.Opener{
	"bolt": boltstore.Open, "wal": walstore.Open, "pebble": pebblestore.Open,
}

// next is the store that another is moved to, so that each is left and entered.
var next = map[string]string{"bolt": "wal", "wal": "pebble", "pebble": "bolt"}

// succeeds runs keyval log and returns what it prints.
func succeeds(t *testing.T, args ...string) string {
	t.Helper()
	r := run(t, append([]string{"log"}, args...)...)
	if r.code != 0 || r.stderr != "" {
		t.Fatalf("keyval log %s: exit code %d, standard error %q", strings.Join(args, " "), r.code, r.stderr)
	}
	return r.stdout
}

// A cluster moves to another log store node by node, while it is written to,
// takes snapshots and cuts its logs.
func TestRollingMigrationUnderWrites(t *testing.T) {
	eachStore(t, func(t *testing.T, store string) {
		to := next[store]
		c := startCluster(t, store, 3, append(fast, "-snapshot-interval=300ms", "-snapshot-threshold=64", "-trailing-logs=32")...)
		w := startWriting("key", c.nodes...)
		w.awaitMore(t, 100)
		for _, n := range c.nodes {
			run(t, "log", "migrate", "-to", to, n.dir).expect(t, 1, n.dir, "in use by another keyval")
			if code := n.term(); code != 0 {
				t.Errorf("%s ended with %d", n.id, code)
			}
			w.awaitMore(t, 50) // so that it is behind when it comes back
			succeeds(t, "verify", n.dir)
			if got := succeeds(t, "migrate", "-to", to, n.dir); !strings.Contains(got, "has its log in "+to+" now, before in "+store) {
				t.Errorf("got %q", got)
			}
			succeeds(t, "verify", n.dir)
			n.flags = append(n.flags, "-log-store="+to)
			n.start()
			n.awaitReady()
			w.awaitMore(t, 50)
		}
		acked := w.stop()
		c.awaitKeys(acked, c.nodes...)
		c.awaitSameState()
		for _, n := range c.nodes {
			if s := n.mustStatus(); s.LogStore != to {
				t.Errorf("%s has its log in %s, want %s", n.id, s.LogStore, to)
			}
		}
		t.Logf("%d writes were acknowledged", len(acked))

		// The power fails, and what they come back from is the new logs.
		kill9(c.nodes...)
		for _, n := range c.nodes {
			succeeds(t, "migrate", "-prune", n.dir)
		}
		c.startAll(c.nodes...)
		c.awaitKeys(acked, c.nodes...)
		c.awaitSameState()
	})
}

// A follower that was sent a snapshot keeps its log with a gap, where the store
// takes one. It moves to one that takes none.
func TestMigrationAfterAnInstalledSnapshot(t *testing.T) {
	t.Parallel()
	for _, store := range durableStores() {
		if store == "wal" {
			continue // its log has no gaps
		}
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t, store, append(fast, "-snapshot-interval=100ms", "-snapshot-threshold=16", "-trailing-logs=1")...)
			n0 := c.found()
			n1 := c.join(n0)
			behind := c.join(n0, "-trailing-logs=10000", "-snapshot-threshold=100000")
			for _, n := range c.nodes {
				n.awaitReady()
			}
			w := startWriting("key", n0, n1)
			w.awaitMore(t, 20)
			if code := behind.term(); code != 0 {
				t.Errorf("it ended with %d", code)
			}
			w.awaitMore(t, 200)
			behind.start()
			behind.awaitReady()
			w.awaitMore(t, 20)
			c.awaitKeys(w.stop(), behind)
			if code := behind.term(); code != 0 {
				t.Errorf("it ended with %d", code)
			}
			if got := succeeds(t, "verify", behind.dir); !strings.Contains(got, "they are missing, and the snapshot up to") {
				t.Fatalf("there is no gap: %s", got)
			}
			succeeds(t, "migrate", "-to", "wal", behind.dir)
			if got := succeeds(t, "verify", behind.dir); strings.Contains(got, "missing") {
				t.Errorf("got %s", got)
			}
			behind.flags = append(behind.flags, "-log-store=wal")
			behind.start()
			behind.awaitReady()
			n0.put("after", "all")
			c.awaitKeys(w.acked, c.nodes...)
			c.awaitKey("after", "all", c.nodes...)
			c.awaitSameState()
		})
	}
}

// bigNode is the directory of a member with a log of so many entries of a
// kilobyte.
func bigNode(t *testing.T, store string, entries uint64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "big")
	d, err := datadir.Open(path, datadir.Options{NodeID: "node0", LogStore: store})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.SetCluster("c1"); err != nil {
		t.Fatal(err)
	}
	if err := d.SetMember(true); err != nil {
		t.Fatal(err)
	}
	inLog(t, store, d.LogDir(), func(s storage.Store) {
		fillLog(t, s, entries)
		vote(t, s)
	})
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func inLog(t *testing.T, store, dir string, do func(storage.Store)) {
	t.Helper()
	s, err := guard.Opener(openers[store], guard.Options{})(dir, storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	do(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func fillLog(t *testing.T, s storage.Store, entries uint64) {
	t.Helper()
	value := []byte(strings.Repeat("x", 1000))
	var batch []*raft.Log
	for i := uint64(1); i <= entries; i++ {
		b, err := command.Marshal(command.Write(command.Put(fmt.Appendf(nil, "key%d", i), value)))
		if err != nil {
			t.Fatal(err)
		}
		batch = append(batch, &raft.Log{Index: i, Term: 1, Data: command.AppendEntry(nil, b)})
		if len(batch) < 1000 && i < entries {
			continue
		}
		if err := s.StoreLogs(batch); err != nil {
			t.Fatal(err)
		}
		batch = nil
	}
}

func vote(t *testing.T, s storage.Store) {
	t.Helper()
	for _, key := range []string{"CurrentTerm", "LastVoteTerm"} {
		if err := s.SetUint64([]byte(key), 3); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Set([]byte("LastVoteCand"), []byte("node1")); err != nil {
		t.Fatal(err)
	}
}

// bytesIn is how much lies below a directory that may not be there yet.
func bytesIn(dir string) (total int64) {
	_ = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return nil //nolint:nilerr // what is gone meanwhile is not counted
		}
		if info, err := e.Info(); err == nil {
			total += info.Size()
		}
		return nil
	})
	return total
}

// A migration is killed again and again, each time further on, and the same
// command brings it to its end. Whenever it is killed, the node has a whole log.
func TestMigrationIsKilledAgainAndAgain(t *testing.T) {
	eachStore(t, func(t *testing.T, store string) {
		entries := uint64(40_000)
		if raceDetector {
			entries = 8_000 // which takes as long
		}
		step := int64(entries) * 1000 / 7 // bytes of the copy
		to := next[store]
		target := to
		if to == "wal" {
			target += ":segment=1MiB" // so that its size says how far it is
		}
		path := bigNode(t, store, entries)
		oldLog, newLog := filepath.Join(path, "log"), filepath.Join(path, "log.2")
		killed := 0
		for round := range 6 {
			home := t.TempDir()
			p, err := launch(home, []string{"HOME=" + home}, "log", "migrate", "-to", target, path)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { p.kill(); <-p.exited })
			// The copy's place is there first, then its files, then it grows.
			await(t, "the copy to get on", func() error {
				if size := bytesIn(newLog); p.running() && size < int64(round)*step {
					return fmt.Errorf("it has %d bytes", size)
				}
				_, err := os.Stat(newLog)
				return err
			})
			p.kill()
			if p.code(t) == 0 {
				break // it was faster
			}
			killed++
			p.checkRaces(t)
			if got := succeeds(t, "verify", path); !strings.Contains(got, fmt.Sprintf("%d log entries, 1 to %d", entries, entries)) {
				t.Fatalf("after kill %d: %s", killed, got)
			}
		}
		t.Logf("it was killed %d times", killed)
		if killed == 0 {
			t.Error("it was never killed")
		}
		succeeds(t, "migrate", "-to", target, path)
		if got := succeeds(t, "verify", path); !strings.Contains(got, fmt.Sprintf("%d log entries, 1 to %d", entries, entries)) {
			t.Error(got)
		}
		inLog(t, store, oldLog, func(from storage.Store) {
			inLog(t, to, newLog, func(copied storage.Store) {
				if err := migrate.Verify(t.Context(), from, copied, migrate.Span{First: 1, Last: entries}, nil); err != nil {
					t.Error(err)
				}
			})
		})
	})
}
