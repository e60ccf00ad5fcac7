package process_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The disk of the leader hangs, without an error: hashicorp/raft would go on
// sending heartbeats and commit nothing.
func TestLeaderWhoseDiskHangsMakesRoomForAnother(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "hangs")
	if out, err := exec.Command("go", "build", "-o", program, "./testdata/hangs").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	c := newCluster(t, "hangs", append([]string{"-stall-timeout=2s", errorsOnly}, fast...)...)
	for i := range 3 {
		n := c.node()
		n.program = program
		if i == 0 {
			n.start()
		} else {
			n.start("-join", c.nodes[0].haddr)
		}
	}
	for _, n := range c.nodes {
		n.awaitReady()
	}
	c.nodes[0].put("user1", "batman")
	c.awaitKey("user1", "batman", c.nodes...)

	leader := c.leader()
	if err := os.WriteFile(filepath.Join(leader.dir, "log", "hang"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	go func() { _ = leader.tryPut("lost", "perhaps") }() // what it writes next hangs
	code, lines := leader.code(t), leader.stderr.lines()
	last := ""
	if len(lines) > 0 {
		last = lines[len(lines)-1]
	}
	if want := "keyval: the disk hangs: StoreLogs"; code != 1 || !strings.HasPrefix(last, want) {
		t.Errorf("it ended with %d and %q, want 1 and %q", code, last, want)
	}

	rest := others(c.nodes, leader)
	c.leader()
	rest[0].put("user2", "robin")
	c.awaitKey("user2", "robin", rest...)

	// A disk that was mended: the node comes back and catches up.
	if err := os.Remove(filepath.Join(leader.dir, "log", "hang")); err != nil {
		t.Fatal(err)
	}
	leader.start()
	c.awaitKey("user2", "robin", c.nodes...)
	c.awaitSameState()
}
