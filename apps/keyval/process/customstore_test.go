package process_test

import (
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// buildExample builds the program of examples/custom-backend, in its workspace.
func buildExample(t *testing.T) string {
	t.Helper()
	built := filepath.Join(t.TempDir(), "custom-backend")
	if runtime.GOOS == "windows" {
		built += ".exe"
	}
	args := []string{"build", "-o", built}
	if raceDetector {
		args = append(args, "-race")
	}
	build := exec.Command("go", append(args, ".")...)
	build.Dir = filepath.Join("..", "..", "..", "examples", "custom-backend")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the example: %v\n%s", err, out)
	}
	return built
}

// A node with a log store that somebody else wrote is a node like any other: it
// leads, dies with kill -9, comes back and catches up.
func TestClusterMixesCustomLogStore(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "", fast...)
	custom := c.node("-log-store=mine")
	custom.program = buildExample(t)
	custom.start()
	for _, store := range []string{"bolt", "wal", "pebble"} {
		c.join(custom, "-log-store="+store)
	}
	stores := map[string]string{"node0": "mine", "node1": "bolt", "node2": "wal", "node3": "pebble"}
	for _, m := range c.members(c.nodes...).Members {
		if m.LogStore != stores[m.ID] {
			t.Errorf("%s has the log store %q, want %q", m.ID, m.LogStore, stores[m.ID])
		}
	}
	w := startWriting("key", c.nodes...)
	w.awaitMore(t, 20)
	for _, choose := range []func() *node{func() *node { return custom }, c.leader} {
		lost := choose()
		kill9(lost)
		w.awaitMore(t, 20)
		lost.start()
		lost.awaitReady()
	}
	c.awaitKeys(w.stop(), c.nodes...)
	c.members(c.nodes...)
	c.awaitSameState()
}
