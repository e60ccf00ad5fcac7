package process_test

import (
	"bytes"
	"errors"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait. Nothing comes near it unless it hangs.
const patience = 90 * time.Second

const pollInterval = 20 * time.Millisecond

// await polls until cond returns nil, and fails the test with cond's last error
// when it does not.
func await(t *testing.T, what string, cond func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := cond()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited %v for %s: %v", patience, what, err)
		}
		time.Sleep(pollInterval)
	}
}

// output collects what a process prints. It is safe for concurrent use.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// lines are what was printed, without the newline at the end.
func (o *output) lines() []string {
	s := strings.TrimSuffix(o.String(), "\n")
	if s == "" {
		return nil
	}
	return strings.Split(s, "\n")
}

// A process is one run of the binary.
type process struct {
	cmd            *exec.Cmd
	stdout, stderr output
	exited         chan struct{} // closed once it has ended and all its output is here
}

// launch starts the binary in dir with env added to a clean environment, and
// does not wait for it.
func launch(dir string, env []string, args ...string) (*process, error) {
	return launchAs(dieWithParent(), dir, env, args...)
}

// launchAs is launch with more for the system to know.
func launchAs(attr *syscall.SysProcAttr, dir string, env []string, args ...string) (*process, error) {
	return launchProgram(binary, attr, dir, env, args...)
}

// launchProgram is launchAs for another binary.
func launchProgram(program string, attr *syscall.SysProcAttr, dir string, env []string, args ...string) (*process, error) {
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Env, cmd.SysProcAttr = dir, env, attr
	return startProcess(cmd)
}

func startProcess(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, exited: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	started := make(chan error, 1)
	go func() {
		// Linux ties the child's life to the thread that started it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err != nil {
			return
		}
		_ = p.cmd.Wait() // the exit code is read from ProcessState
		close(p.exited)
	}()
	return p, <-started
}

func (p *process) running() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// kill sends kill -9 and does not wait.
func (p *process) kill() { _ = p.cmd.Process.Kill() } // it may have ended by itself

// terminate sends SIGTERM and does not wait.
func (p *process) terminate(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatalf("SIGTERM: %v", err)
	}
}

// code waits until the process ends and returns its exit code.
func (p *process) code(t *testing.T) int {
	t.Helper()
	select {
	case <-p.exited:
	case <-time.After(patience):
		t.Fatalf("waited %v for the process to end; it printed:\n%s", patience, p.tail())
	}
	return p.cmd.ProcessState.ExitCode()
}

// checkRaces fails the test when the race detector spoke, which a killed process
// has no exit code to tell of.
func (p *process) checkRaces(t *testing.T) {
	t.Helper()
	if _, report, found := strings.Cut(p.stderr.String(), "WARNING: DATA RACE"); found {
		t.Errorf("a data race:%s", report)
	}
}

// awaitServing waits until the process says that it serves.
func (p *process) awaitServing() error {
	deadline := time.After(patience)
	for !strings.Contains(p.stdout.String(), " serves http://") {
		select {
		case <-p.exited:
			return errors.New("the process ended: " + p.tail())
		case <-deadline:
			return errors.New("the process does not serve: " + p.tail())
		case <-time.After(pollInterval):
		}
	}
	return nil
}

// tail is the end of what the process printed.
func (p *process) tail() string {
	const most = 80
	lines := append(p.stdout.lines(), p.stderr.lines()...)
	if len(lines) > most {
		lines = lines[len(lines)-most:]
	}
	return strings.Join(lines, "\n")
}

// A result is what a run that ended by itself left.
type result struct {
	code           int
	stdout, stderr string
}

// run runs the binary to its end in a directory of its own.
func run(t *testing.T, args ...string) result {
	t.Helper()
	return runIn(t, t.TempDir(), args...)
}

func runIn(t *testing.T, dir string, args ...string) result {
	t.Helper()
	p, err := launch(dir, []string{"HOME=" + dir}, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.kill()
		<-p.exited
	})
	code := p.code(t)
	return result{code, p.stdout.String(), p.stderr.String()}
}

// expect checks the exit code, and that standard error is one line that has all
// of words.
func (r result) expect(t *testing.T, code int, words ...string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code %d, want %d", r.code, code)
	}
	if strings.Count(r.stderr, "\n") != 1 || !strings.HasSuffix(r.stderr, "\n") {
		t.Errorf("standard error is not one line:\n%s", r.stderr)
	}
	for _, w := range words {
		if !strings.Contains(r.stderr, w) {
			t.Errorf("standard error does not name %q:\n%s", w, r.stderr)
		}
	}
	if strings.Contains(r.stdout, " serves ") {
		t.Errorf("it served nevertheless: %s", r.stdout)
	}
}
