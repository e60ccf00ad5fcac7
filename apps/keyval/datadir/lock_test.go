package datadir_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/forkbikash/keyval/apps/keyval/datadir"
)

// holdEnv makes the test binary a process that holds the directory it names
// until its standard input ends.
const holdEnv = "KEYVAL_TEST_HOLD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(holdEnv); dir != "" {
		hold(dir)
		return
	}
	os.Exit(m.Run())
}

func hold(dir string) {
	if _, err := datadir.Open(dir, node0); err != nil {
		fmt.Println("refused:", err)
		return
	}
	fmt.Println("held")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// startHolder starts a process that holds dir, and returns the first line that
// it prints.
func startHolder(t *testing.T, dir string) (*exec.Cmd, string) {
	t.Helper()
	self, err := os.Executable()
	mustDo(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), holdEnv+"="+dir)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	mustDo(t, err)
	stdout, err := cmd.StdoutPipe()
	mustDo(t, err)
	mustDo(t, cmd.Start())
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait() // it may have been killed
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	mustDo(t, err)
	return cmd, strings.TrimSpace(line)
}

func TestTwoProcesses(t *testing.T) {
	dir := t.TempDir()
	holder, said := startHolder(t, dir)
	if said != "held" {
		t.Fatalf("the first process said %q", said)
	}
	_, err := datadir.Open(dir, node0)
	wantRefusal(t, err, dir, "in use by another keyval", "use another directory")

	// The lock ends with the process, however that ends.
	mustDo(t, holder.Process.Kill())
	_ = holder.Wait() // says that it was killed
	d := mustOpen(t, dir, node0)

	if _, said := startHolder(t, dir); !strings.Contains(said, "refused: "+dir+" is in use") {
		t.Errorf("with the directory open here, another process said %q", said)
	}
	mustDo(t, d.Close())
	if _, said := startHolder(t, dir); said != "held" {
		t.Errorf("with the directory closed here, another process said %q", said)
	}
}

func TestTwiceInOneProcess(t *testing.T) {
	d := mustOpen(t, t.TempDir(), node0)
	_, err := datadir.Open(d.Path(), node0)
	wantRefusal(t, err, "in use by another keyval")
}

func TestRefusedDirectoryIsNotHeld(t *testing.T) {
	d := mustOpen(t, t.TempDir(), node0)
	write(t, d.LogDir(), "raft.db")
	mustDo(t, d.Close())
	if _, err := datadir.Open(d.Path(), datadir.Options{NodeID: "node1"}); err == nil {
		t.Fatal("another node took the directory")
	}
	mustOpen(t, d.Path(), node0)
}
