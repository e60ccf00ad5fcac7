package storagetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"time"
)

// crashPatience is how long a child may be silent. One that opens a small store
// takes milliseconds; one that takes this long hangs.
const crashPatience = 2 * time.Minute

// crashProcess is a child, seen from its parent.
type crashProcess struct {
	cmd    *exec.Cmd
	output *crashOutput
	orders *os.File
	news   *os.File
	enc    *json.Encoder
	dec    *json.Decoder
}

// errCrashDeath is that a child ended before it had done what it was told.
var errCrashDeath = errors.New("the process ended")

func startCrashProcess(test string) (*crashProcess, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	theirIn, orders, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	news, theirOut, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p := &crashProcess{output: &crashOutput{}, orders: orders, news: news}
	p.enc, p.dec = json.NewEncoder(orders), json.NewDecoder(news)
	p.cmd = exec.Command(self, "-test.run="+crashPattern(test), "-test.count=1")
	p.cmd.Env = append(os.Environ(), crashChildEnv+"="+test,
		// Else a process with the race detector takes a second to end.
		"GORACE="+os.Getenv("GORACE")+" atexit_sleep_ms=0")
	p.cmd.ExtraFiles = []*os.File{theirIn, theirOut}
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	err = p.cmd.Start()
	err = errors.Join(err, theirIn.Close(), theirOut.Close())
	if err != nil {
		return nil, errors.Join(err, orders.Close(), news.Close())
	}
	return p, nil
}

// crashPattern is the pattern that matches one test or subtest and no other.
func crashPattern(test string) string {
	parts := strings.Split(test, "/")
	for i, part := range parts {
		parts[i] = "^" + regexp.QuoteMeta(part) + "$"
	}
	return strings.Join(parts, "/")
}

// hear returns the next news. An error says how the child ended.
func (p *crashProcess) hear() (crashNews, error) {
	var n crashNews
	if err := p.news.SetReadDeadline(time.Now().Add(crashPatience)); err != nil {
		return n, err
	}
	err := p.dec.Decode(&n)
	if err == nil {
		return n, nil
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return n, errors.Join(fmt.Errorf("hangs: silent for %v", crashPatience), p.end(true))
	}
	if err := p.end(false); err != nil {
		return n, fmt.Errorf("%w: %w", errCrashDeath, err)
	}
	return n, errors.New("the process ended as if all was well")
}

// end waits for the child, killed or with nothing more to do. An error has what
// it said.
func (p *crashProcess) end(kill bool) error {
	if kill {
		_ = p.cmd.Process.Kill() // it may have ended
	}
	err := errors.Join(p.orders.Close(), p.cmd.Wait(), p.news.Close())
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w\n%s", err, p.output)
}

// crashOutput keeps the beginning of what a child says, where the reason stands.
type crashOutput struct {
	mu   sync.Mutex
	text []byte
}

const crashOutputKept = 2000

func (o *crashOutput) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	room := max(0, crashOutputKept-len(o.text))
	o.text = append(o.text, p[:min(room, len(p))]...)
	return len(p), nil
}

func (o *crashOutput) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.text)
}
