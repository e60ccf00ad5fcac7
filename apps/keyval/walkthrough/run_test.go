//go:build linux

package walkthrough

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestREADME(t *testing.T) { walk(t, "README.md") }

// Whoever reads it comes from the README, and has the program.
func TestCLUSTERING(t *testing.T) { walk(t, "CLUSTERING.md", "go install ./apps/keyval") }

// walk does what a file shows, after what was done before.
func walk(t *testing.T, name string, before ...string) {
	t.Parallel()
	blocks, err := fences(read(t, name))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	s := newSession(t)
	for _, text := range before {
		if err := s.run(command{text: text}); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	for _, b := range blocks {
		if b.language != "bash" {
			continue
		}
		all, err := commands(b)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, c := range all {
			begun := time.Now()
			if err := s.run(c); err != nil {
				t.Fatalf("%s:%d: %s\n%v", name, c.line, c.text, err)
			}
			t.Logf("%s:%d: %s (%v)", name, c.line, c.text, time.Since(begun).Round(time.Millisecond))
		}
	}
	if err := s.settle(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// run runs one command, by what it begins with.
func (s *session) run(c command) error {
	if isNode(c.text) && c.want == nil {
		return s.start(c)
	}
	if err := s.settle(); err != nil {
		return err
	}
	verb, rest, _ := strings.Cut(c.text, " ")
	switch {
	case strings.HasPrefix(c.text, interrupt):
		return s.interrupt(c)
	case strings.HasPrefix(c.text, untilEnded):
		return s.awaitEnd(strings.TrimPrefix(c.text, untilEnded))
	case verb == "keyval":
		return s.once(c, strings.HasPrefix(rest, "log "))
	case verb == "curl":
		return s.curl(c)
	case verb == "pkill":
		return s.kill(c)
	case verb == "make":
		return s.checkMake(rest)
	case verb == "rm", strings.HasPrefix(c.text, "go install "), strings.HasPrefix(c.text, "go run ./apps/keyval"):
		return s.once(c, true)
	}
	return errors.New("the test does not know how to run this")
}

// isNode says whether the command runs a node, and not just prints something.
func isNode(text string) bool {
	words := strings.Fields(text)
	if slices.Contains(words, "log") {
		return false
	}
	switch words[len(words)-1] {
	case "-h", "-help", "help", "-version":
		return false
	}
	return words[0] == "keyval" || strings.HasPrefix(text, "go run ./apps/keyval")
}

// once runs a command to its end and compares all that it prints.
func (s *session) once(c command, mustSucceed bool) error {
	ctx, cancel := context.WithTimeout(s.t.Context(), buildPatience)
	defer cancel()
	out, err := s.shell(ctx, c).CombinedOutput()
	got := strings.TrimSpace(s.net.shown(string(out)))
	if err != nil && (mustSucceed || ctx.Err() != nil) {
		return fmt.Errorf("%w: %s", err, got)
	}
	if c.want != nil && !matches(c.want, got) {
		return fmt.Errorf("got\n%s\nwant\n%s", got, strings.Join(c.want, "\n"))
	}
	return nil
}

var (
	changes = regexp.MustCompile(`-X ?(POST|DELETE|PUT)`)
	status  = regexp.MustCompile(`"status":(\d+)`)
)

// curl runs a request until it prints what is shown. A change is asked for again
// only when the answer says that it was certainly not made.
func (s *session) curl(c command) error {
	before := ""
	for end := time.Now().Add(patience); ; time.Sleep(pause) {
		got, err := s.ask(c)
		failed := status.FindStringSubmatch(got)
		switch {
		case err == nil && c.want == nil && failed == nil, err == nil && c.want != nil && matches(c.want, got):
			return nil
		case time.Now().Before(end) && (!changes.MatchString(c.text) || again(c, failed)):
			if got != before {
				s.t.Logf("%s: not yet: %s", c.text, got)
			}
			before = got
			continue
		}
		return errors.Join(err, fmt.Errorf("got\n%s\nwant\n%s", got, strings.Join(c.want, "\n")))
	}
}

// again says whether a change that was answered so can be asked for again.
func again(c command, failed []string) bool {
	if failed == nil {
		return false
	}
	// Where an error is shown, nothing can be made twice.
	showsError := status.MatchString(strings.Join(c.want, ""))
	return failed[1] < "500" || failed[1] == "503" || failed[1] == "504" && showsError
}

// ask runs a request once.
func (s *session) ask(c command) (string, error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	var complaint bytes.Buffer
	cmd := s.shell(ctx, c)
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, complaint.String())
	}
	return s.net.shown(strings.TrimSpace(strings.ReplaceAll(string(out), "\r", ""))), err
}

var whoseTerminal = regexp.MustCompile(`^# Ctrl-C in (\S+)'s terminal`)

// interrupt does Ctrl-C: the node ends, and without an error.
func (s *session) interrupt(c command) error {
	id := ""
	if m := whoseTerminal.FindStringSubmatch(c.text); m != nil {
		id = m[1]
	}
	for _, n := range slices.Backward(s.nodes) {
		if n.running() && (id == "" || flagOf(n.text, "-id", "") == id) {
			n.signal(syscall.SIGINT)
			return s.ended(n, nil)
		}
	}
	return errors.New("no such node runs")
}

func (s *session) ended(n *process, want error) error {
	select {
	case <-n.done:
	case <-time.After(patience):
		return fmt.Errorf("%s did not end:\n%s", n.text, n.output())
	}
	// After Ctrl-C the go command's own exit code is 1, whatever the program's is.
	if want == nil && n.err != nil && !strings.HasPrefix(n.text, "go run ") {
		return fmt.Errorf("%s ended with %w:\n%s", n.text, n.err, n.output())
	}
	return nil
}

// awaitEnd waits until the node ends by itself, without an error.
func (s *session) awaitEnd(id string) error {
	for _, n := range slices.Backward(s.nodes) {
		if flagOf(n.text, "-id", "") == id {
			return s.ended(n, nil)
		}
	}
	return errors.New("no such node was started")
}

var pkill = regexp.MustCompile(`^pkill -(KILL|TERM) -f "([^"]+)"$`)

// kill does what pkill would on a machine that runs nothing but this session.
func (s *session) kill(c command) error {
	m := pkill.FindStringSubmatch(c.text)
	if m == nil {
		return errors.New(`the test knows only pkill -KILL -f "TEXT" and pkill -TERM -f "TEXT"`)
	}
	sig, killed := syscall.SIGTERM, 0
	if m[1] == "KILL" {
		sig = syscall.SIGKILL
	}
	for _, n := range s.nodes {
		if n.running() && n.machine == c.machine && strings.Contains(n.text, m[2]) {
			killed++
			n.signal(sig)
			var want error
			if sig == syscall.SIGKILL {
				want = &exec.ExitError{}
			}
			if err := s.ended(n, want); err != nil {
				return err
			}
		}
	}
	if killed == 0 {
		return errors.New("nothing that runs is so called")
	}
	return nil
}

// checkMake sees that a target is there and, for the tests, that it runs those
// of all modules. It runs none: this is one of them.
func (s *session) checkMake(target string) error {
	out, err := exec.CommandContext(s.t.Context(), "make", "-n", "-C", s.root, target).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	if target == "test" && !regexp.MustCompile(`(?ms)gotestsum .* work$`).Match(out) {
		return fmt.Errorf("it does not test every module:\n%s", out)
	}
	return nil
}
