package process_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// faultyStores builds keyval with the log stores of the folder of that name.
func faultyStores(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("this test builds a program of its own, and there is no go command: ", err)
	}
	program := filepath.Join(t.TempDir(), "keyval")
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	args := []string{"build", "-o", program}
	if raceDetector {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, "./faultystores")...).CombinedOutput(); err != nil {
		t.Fatalf("build keyval with faulty stores: %v\n%s", err, out)
	}
	return program
}

// A leader whose disk hangs says so, ends, and is followed by another; when it
// is back, nothing that was acknowledged is missing anywhere.
func TestLeaderWhoseDiskHangs(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "", append([]string{"-stall-timeout=4s"}, fast...)...)
	c.program = faultyStores(t)
	trigger := func(n *node) string { return filepath.Join(filepath.Dir(n.dir), "hang") }
	for i := range 3 {
		n := c.node()
		n.flags = []string{"-log-store=hanging:" + trigger(n)}
		if i == 0 {
			n.start()
		} else {
			n.start("-join", c.nodes[0].haddr)
		}
	}
	for _, n := range c.nodes {
		n.awaitReady()
	}
	w := startWriting("key", c.nodes...)
	w.awaitMore(t, 20)

	hangs := c.leader()
	write(t, trigger(hangs), "")
	await(t, "the leader to say that its log store hangs", func() error {
		a, err := hangs.do(http.MethodGet, "/readyz", "")
		if err != nil {
			return err
		}
		if a.status != http.StatusServiceUnavailable || !strings.Contains(a.body, "the log store ") {
			return fmt.Errorf("GET /readyz: %v", a)
		}
		return nil
	})
	if a, err := hangs.do(http.MethodGet, "/healthz", ""); err == nil && a.status != http.StatusOK {
		t.Errorf("GET /healthz: %v", a) // it may have ended meanwhile
	}
	if code := hangs.code(t); code != 1 {
		t.Errorf("it ended with %d, want 1", code)
	}
	lines := hangs.stderr.lines()
	want := "keyval: the log store hangs: StoreLogs did not return within 4s: this node ends, so that another leads"
	if len(lines) == 0 || lines[len(lines)-1] != want {
		t.Errorf("its last words are not %q:\n%s", want, hangs.tail())
	}
	w.awaitMore(t, 20) // first those under way when the leader went, then new ones
	if leader := c.leader(); leader == hangs {
		t.Errorf("%s leads and has ended", hangs.id)
	}
	w.awaitMore(t, 20)
	acked := w.stop()

	if err := os.Remove(trigger(hangs)); err != nil {
		t.Fatal(err)
	}
	hangs.start()
	hangs.awaitReady()
	c.awaitKeys(acked, c.nodes...)
	c.awaitSameState()
}

// A node whose disk hangs while it is told to stop ends as soon as that is known.
func TestTerminatedWhileTheDiskHangs(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "", append([]string{"-stall-timeout=6s"}, fast...)...)
	c.program = faultyStores(t)
	n := c.node()
	trigger := filepath.Join(filepath.Dir(n.dir), "hang")
	n.flags = []string{"-log-store=hanging:" + trigger}
	n.start()
	n.awaitReady()
	write(t, trigger, "")
	put := make(chan error, 1)
	go func() { put <- n.tryPut("never", "acknowledged") }()
	await(t, "a write to hang", func() error {
		a := n.ask(http.MethodGet, "/readyz", "")
		if !strings.Contains(a.body, "the log store is slow") {
			return fmt.Errorf("GET /readyz: %v", a)
		}
		return nil
	})
	n.terminate(t)
	if code := n.code(t); code != 1 {
		t.Errorf("it ended with %d, want 1", code)
	}
	if err := <-put; err == nil {
		t.Error("the write that hung was acknowledged")
	}
	if got := n.stderr.lines(); len(got) == 0 || !strings.HasPrefix(got[len(got)-1], "keyval: the log store hangs") {
		t.Errorf("its last words are others:\n%s", n.tail())
	}
}

// A node that hangs while it starts, which writes the first entry of its log,
// ends as well.
func TestDiskHangsAtTheStart(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "", append([]string{errorsOnly, "-stall-timeout=1s"}, fast...)...)
	c.program = faultyStores(t)
	n := c.node()
	trigger := filepath.Join(filepath.Dir(n.dir), "hang")
	n.flags = []string{"-log-store=hanging:" + trigger}
	write(t, trigger, "")
	if err := n.launch(); err != nil {
		t.Fatal(err)
	}
	if code := n.code(t); code != 1 {
		t.Errorf("it ended with %d, want 1", code)
	}
	lines := n.stderr.lines()
	if len(lines) == 0 || !strings.HasPrefix(lines[len(lines)-1], "keyval: the log store hangs: StoreLog did not return within 1s") {
		t.Errorf("its last words are others:\n%s", n.tail())
	}
}
