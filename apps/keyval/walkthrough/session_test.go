//go:build linux

package walkthrough

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	// patience is for what happens soon: an election, a join, an entry's way to
	// the other nodes. A machine that is busy with other tests needs it.
	patience = time.Minute
	// buildPatience is for what may compile the program first.
	buildPatience = 5 * time.Minute
	pause         = 50 * time.Millisecond
)

// session is a reader who types the commands of one file.
type session struct {
	t     *testing.T
	root  string // of the repository, where the reader is
	home  string // holds a home directory for each machine
	bin   string // where go install puts keyval
	net   subnet
	env   []string // what every command sees beside its HOME
	nodes []*process
}

func newSession(t *testing.T) *session {
	t.Helper()
	for _, tool := range []string{"bash", "curl", "make", "go"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("the walkthrough needs %s: %v", tool, err)
		}
	}
	s := &session{t: t, root: root(t), home: t.TempDir(), bin: t.TempDir(), net: newSubnet(t)}
	s.env = s.environment()
	t.Cleanup(s.end)
	return s
}

func (s *session) environment() []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return strings.HasPrefix(name, "KEYVAL_") || strings.HasSuffix(strings.ToLower(name), "_proxy")
	})
	env = append(env, "GOBIN="+s.bin, "PATH="+s.bin+":"+os.Getenv("PATH"),
		// The defaults, on this session's addresses.
		"KEYVAL_HADDR="+s.net.real("localhost:11000"), "KEYVAL_RADDR="+s.net.real("localhost:12000"))
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPATH"} { // else sought in HOME
		out, err := exec.CommandContext(s.t.Context(), "go", "env", name).Output()
		if err != nil {
			s.t.Fatal(err)
		}
		env = append(env, name+"="+strings.TrimSpace(string(out)))
	}
	return env
}

// end stops what still runs, and checks that it stops well.
func (s *session) end() {
	for _, n := range s.nodes {
		if n.running() {
			n.signal(syscall.SIGTERM)
		}
	}
	for _, n := range s.nodes {
		select {
		case <-n.done:
		case <-time.After(patience):
			s.t.Errorf("%s did not stop:\n%s", n.text, n.output())
		}
		n.signal(syscall.SIGKILL) // the group, whoever is left in it
		<-n.done
		if s.t.Failed() {
			s.t.Logf("%s said:\n%s", n.text, n.output())
		}
	}
}

// subnet holds the addresses that stand for those in the text. All of 127/8 is
// this machine's, so every session has its own, and the ports can stay.
type subnet string // its first three numbers and a dot

const localhost = "200" // the last number of the address that stands for localhost

func newSubnet(t *testing.T) subnet {
	t.Helper()
	for range 100 {
		n := subnet(fmt.Sprintf("127.%d.%d.", 1+rand.IntN(254), 1+rand.IntN(254)))
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", string(n)+localhost+":11000")
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		return n
	}
	t.Fatal("no loopback address has a free port 11000")
	return ""
}

var (
	machine  = regexp.MustCompile(`\b192\.168\.0\.(\d+)\b`)
	local    = regexp.MustCompile(`\blocalhost:`)
	portOnly = regexp.MustCompile(`(^|[\s=,])(:1[12]\d{3})\b`)
)

// real is the text with addresses that exist here.
func (n subnet) real(text string) string {
	text = machine.ReplaceAllString(text, string(n)+"$1")
	text = local.ReplaceAllString(text, string(n)+localhost+":")
	return portOnly.ReplaceAllString(text, "${1}"+string(n)+localhost+"$2")
}

// shown is the text with the addresses that the reader would see.
func (n subnet) shown(text string) string {
	text = strings.ReplaceAll(text, string(n)+localhost, "localhost")
	return strings.ReplaceAll(text, string(n), "192.168.0.")
}

// shell is a command as the reader's shell would run it.
func (s *session) shell(ctx context.Context, c command) *exec.Cmd {
	home := filepath.Join(s.home, "home", c.machine)
	if err := os.MkdirAll(home, 0o700); err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, "bash", "-c", s.net.real(c.text))
	cmd.Dir = s.root
	cmd.Env = append(slices.Clip(s.env), "HOME="+home)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	return cmd
}

// process is a node that was started.
type process struct {
	command
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	err  error         // how; valid once done is closed

	settled bool // it was ready, or failed to be

	mu  sync.Mutex
	buf bytes.Buffer
}

func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.buf.Write(b)
}

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.buf.String()
}

func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

func (p *process) signal(sig syscall.Signal) {
	// The group may be gone, which is as good.
	_ = syscall.Kill(-p.cmd.Process.Pid, sig)
}

// start runs a node. Nodes that are started one after the other may need each
// other, so settle waits for them.
func (s *session) start(c command) error {
	p := &process{command: c, done: make(chan struct{})}
	c.text = "exec " + c.text
	p.cmd = s.shell(context.Background(), c)
	p.cmd.Stdout, p.cmd.Stderr = p, p
	if err := p.cmd.Start(); err != nil {
		return err
	}
	s.nodes = append(s.nodes, p)
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return nil
}

// settle waits until every node that was started is ready.
func (s *session) settle() error {
	for _, p := range s.nodes {
		if p.settled {
			continue
		}
		p.settled = true
		if err := s.awaitReady(p); err != nil {
			return fmt.Errorf("%s: %w", p.text, err)
		}
	}
	return nil
}

func (s *session) awaitReady(p *process) error {
	within := patience
	if strings.HasPrefix(p.text, "go ") {
		within = buildPatience
	}
	addr := s.net.real(flagOf(p.text, "-haddr", "localhost:11000"))
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(pause) {
		if ready(addr) {
			return nil
		}
		if !p.running() {
			return fmt.Errorf("it ended: %w", cmpErr(p.err))
		}
	}
	return fmt.Errorf("it was not ready after %v", within)
}

func cmpErr(err error) error {
	if err == nil {
		return errors.New("without an error")
	}
	return err
}

func ready(addr string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/readyz", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	return resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
}

// flagOf is the value of a flag in a command, or what it has without.
func flagOf(text, name, otherwise string) string {
	words := strings.Fields(text)
	if i := slices.Index(words, name); i >= 0 && i+1 < len(words) {
		return words[i+1]
	}
	return otherwise
}
