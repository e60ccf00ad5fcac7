package process_test

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// eager are settings that make snapshots all the time and keep little log.
var eager = append([]string{"-snapshot-interval=50ms", "-snapshot-threshold=50", "-trailing-logs=5"}, fast...)

func TestSnapshotsBringUpNewAndRestartedNodes(t *testing.T) {
	eachStore(t, func(t *testing.T, store string) {
		c := newCluster(t, store, eager...)
		c.found()
		w := startWriting("key", c.nodes[0])
		w.awaitMore(t, 300)
		acked := w.stop()
		c.nodes[0].put("large", strings.Repeat("x", 200_000))
		acked["large"] = strings.Repeat("x", 200_000)
		awaitSnapshot(t, c.nodes[0])

		fresh := c.join(c.nodes[0])
		c.awaitKeys(acked, fresh)
		if !strings.Contains(fresh.stderr.String(), "Installed remote snapshot") {
			t.Errorf("the new node was not sent a snapshot:\n%s", fresh.tail())
		}
		c.join(c.nodes[0])
		c.members(c.nodes...)

		// The log no longer reaches back to the beginning.
		for _, n := range c.nodes {
			awaitSnapshot(t, n)
		}
		kill9(c.nodes...)
		c.startAll(c.nodes...)
		for _, n := range c.nodes {
			if !strings.Contains(n.stderr.String(), "restored from snapshot") {
				t.Errorf("%s did not start from a snapshot:\n%s", n.id, n.tail())
			}
		}
		c.awaitKeys(acked, c.nodes...)
		c.awaitSameState()
	})
}

// A node that was sent a snapshot, and killed before it had cut its log, comes
// back with a log that ends before the snapshot.
func TestNodeIsKilledBetweenSnapshotAndLog(t *testing.T) {
	eachStore(t, func(t *testing.T, store string) {
		c := startCluster(t, store, 3, eager...)
		lags := c.follower()
		kill9(lags)
		rest := others(c.nodes, lags)
		w := startWriting("key", rest...)
		w.awaitMore(t, 300)
		acked := w.stop()
		sender := rest[0]
		c.awaitKeys(acked, sender)
		kill9(sender)

		sent := filepath.Join("snapshots", newestSnapshot(t, sender))
		if err := os.CopyFS(filepath.Join(lags.dir, sent), os.DirFS(filepath.Join(sender.dir, sent))); err != nil {
			t.Fatal(err)
		}
		c.startAll(lags, sender)
		c.awaitKeys(acked, c.nodes...)
		c.nodes[0].put("after", "all")
		c.awaitKey("after", "all", c.nodes...)
		kill9(lags)
		lags.start()
		c.awaitKey("after", "all", lags)
		c.awaitSameState()
	})
}

// newestSnapshot is the name of the node's newest snapshot. Names are made of
// term, index and time.
func newestSnapshot(t *testing.T, n *node) (name string) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(n.dir, "snapshots", "*", "meta.json"))
	if err != nil {
		t.Fatal(err)
	}
	var newest [3]int
	for _, meta := range found {
		var s [3]int
		base := filepath.Base(filepath.Dir(meta))
		if _, err := fmt.Sscanf(base, "%d-%d-%d", &s[0], &s[1], &s[2]); err != nil {
			t.Fatalf("the snapshot %s: %v", base, err)
		}
		if filepath.Ext(base) == "" && slices.Compare(s[:], newest[:]) > 0 {
			name, newest = base, s
		}
	}
	if name == "" {
		t.Fatalf("%s has no snapshot", n.id)
	}
	return name
}

// A node is killed while snapshots are made and installed under writes.
func TestNodesAreKilledWhileTheyMakeSnapshots(t *testing.T) {
	eachStore(t, func(t *testing.T, store string) {
		c := startCluster(t, store, 3, eager...)
		acked := make(map[string]string)
		for round := range 3 {
			w := startWriting(fmt.Sprint("round", round), c.nodes...)
			away := c.nodes[round]
			kill9(away)
			w.awaitMore(t, 150)
			away.start() // too far behind for the log: it is sent a snapshot
			w.awaitMore(t, 20)
			kill9(c.nodes...)
			maps.Copy(acked, w.stop())
			c.startAll(c.nodes...)
			c.leader()
			c.awaitKeys(acked, c.nodes...)
		}
		c.awaitSameState()
	})
}

func awaitSnapshot(t *testing.T, n *node) {
	t.Helper()
	await(t, "a snapshot of "+n.id, func() error {
		found, err := filepath.Glob(filepath.Join(n.dir, "snapshots", "*", "meta.json"))
		if err == nil && len(found) == 0 {
			err = fs.ErrNotExist
		}
		return err
	})
}

func TestInMemoryNodeWritesNothing(t *testing.T) {
	t.Parallel()
	for _, flag := range []string{"-inmem", "-log-store=inmem"} {
		t.Run(flag, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t, "", append([]string{flag}, eager...)...)
			c.found()
			c.join(c.nodes[0])
			w := startWriting("key", c.nodes...)
			w.awaitMore(t, 200) // enough for snapshots
			acked := w.stop()
			c.awaitKeys(acked, c.nodes...)
			for _, n := range c.nodes {
				// Its working and home directory is the data directory's parent.
				if files := tree(t, filepath.Dir(n.dir)); len(files) != 0 {
					t.Errorf("%s left %v", n.id, files)
				}
				n.expectNoOpenFile(t)
				if code := n.term(); code != 0 {
					t.Errorf("%s ended with %d", n.id, code)
				}
			}
		})
	}
}

// expectNoOpenFile looks for files that the process has open for writing, where
// the system tells.
func (n *node) expectNoOpenFile(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		return
	}
	proc := fmt.Sprintf("/proc/%d", n.cmd.Process.Pid)
	open, err := os.ReadDir(proc + "/fd")
	if err != nil || len(open) == 0 {
		t.Fatalf("what %s has open: %v, %v", n.id, open, err)
	}
	for _, fd := range open {
		name, err := os.Readlink(filepath.Join(proc, "fd", fd.Name()))
		if err != nil || !filepath.IsAbs(name) || strings.HasPrefix(name, "/dev/") {
			continue // closed meanwhile, or no file
		}
		info, err := os.ReadFile(filepath.Join(proc, "fdinfo", fd.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue // closed meanwhile
		}
		var pos, flags int
		if _, err := fmt.Sscanf(string(info), "pos: %d\nflags: %o", &pos, &flags); err != nil {
			t.Errorf("how %s has %s open: %v in %q", n.id, name, err, info)
		}
		if err == nil && flags&(os.O_WRONLY|os.O_RDWR) != 0 {
			t.Errorf("%s has %s open for writing", n.id, name)
		}
	}
}
