package process_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
)

// make cluster, and the script below it, run three nodes until Ctrl-C.
func TestMakeCluster(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		args   func(host, dir string) []string
		status syscall.WaitStatus
	}{
		{"script", func(host, dir string) []string {
			return []string{"env", "HOST=" + host, "sh", "scripts/cluster.sh", binary, dir, "-log-store=wal"}
		}, 0},
		{"make", func(host, dir string) []string { // the binary is built already
			return []string{"make", "-s", "-o", "build", "cluster", "KEYVAL=" + binary, "HOST=" + host, "DIR=" + dir, "LOG_STORE=wal"}
		}, syscall.WaitStatus(syscall.SIGINT)}, // which is how make ends, whatever its command does
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			host, dir := loopback(t), t.TempDir()
			p := startGroup(t, root, dir, tt.args(host, dir)...)
			for i := range 3 {
				awaitReadyAt(t, p, fmt.Sprintf("%s:%d", host, 11000+i))
			}
			await(t, "the nodes to say that they serve", func() error { return eachSays(p, " serves http://") })
			interruptGroup(t, p)
			if got := p.cmd.ProcessState.Sys(); got != tt.status {
				t.Errorf("it ended with %v, want %v:\n%s", p.cmd.ProcessState, tt.status, p.tail())
			}
			if err := eachSays(p, "stopping"); err != nil {
				t.Error(err)
			}
			label := regexp.MustCompile(`^node[0-2] \| `)
			for _, line := range p.stdout.lines() {
				if !label.MatchString(line) {
					t.Errorf("a line without a name: %s", line)
				}
			}
		})
	}
}

// startGroup starts a command in a process group of its own, as a shell does.
func startGroup(t *testing.T, dir, home string, args ...string) *process {
	t.Helper()
	if _, err := exec.LookPath(args[0]); err != nil {
		t.Skip(err)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.Env = dir, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	p, err := startProcess(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // nobody is left, if all is well
		<-p.exited
	})
	return p
}

// interruptGroup does what Ctrl-C does, and waits until nobody is left.
func interruptGroup(t *testing.T, p *process) {
	t.Helper()
	if err := syscall.Kill(-p.cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	p.code(t)
	await(t, "nothing of it to be left", func() error {
		if err := syscall.Kill(-p.cmd.Process.Pid, 0); !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("something still runs: %w", err)
		}
		return nil
	})
}

// loopback is a loopback address of the test's own, where the usual ports are
// free.
func loopback(t *testing.T) string {
	t.Helper()
	for range 100 {
		ip := fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(254), rand.IntN(256), 1+rand.IntN(254))
		l, err := net.Listen("tcp", net.JoinHostPort(ip, "11000"))
		if err == nil && ip != host() {
			_ = l.Close() // it was opened only to see that it can be
			return ip
		}
	}
	t.Skip("127.0.0.0/8 is not all this machine's")
	return ""
}

func awaitReadyAt(t *testing.T, p *process, addr string) {
	t.Helper()
	await(t, addr+" to be ready", func() error {
		if !p.running() {
			t.Fatalf("it ended: %s", p.tail())
		}
		resp, err := http.Get("http://" + addr + "/readyz")
		if err != nil {
			return err
		}
		defer resp.Body.Close() //nolint:errcheck // it is not read
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("it answered %s", resp.Status)
		}
		return nil
	})
}

// eachSays says with an error that some node did not print want behind its name.
func eachSays(p *process, want string) error {
	for i := range 3 {
		if !regexp.MustCompile(fmt.Sprintf(`(?m)^node%d \| .*%s`, i, want)).MatchString(p.stdout.String()) {
			return fmt.Errorf("node%d did not say %q:\n%s", i, want, p.tail())
		}
	}
	return nil
}
