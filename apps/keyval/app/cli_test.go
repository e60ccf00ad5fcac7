package app

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/forkbikash/keyval/core/httpapi"
	"github.com/forkbikash/keyval/core/node"
	"github.com/forkbikash/keyval/storage/guard"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// invocation is what became of one run of the command line.
type invocation struct {
	code           int
	stdout, stderr string
	cfg            *Config // nil when nothing was served
}

// invoke runs the command line args in a process whose environment is env, and
// serves nothing.
func invoke(env map[string]string, args ...string) invocation {
	var got invocation
	var stdout, stderr bytes.Buffer
	p := program{
		plugs:  Builtin(),
		stdout: &stdout,
		stderr: &stderr,
		getenv: func(name string) string { return env[name] },
		environ: func() (all []string) {
			for name, value := range env {
				all = append(all, name+"="+value)
			}
			return all
		},
		serve: func(_ context.Context, cfg Config, _ Plugs, _, _ io.Writer) error {
			got.cfg = &cfg
			return nil
		},
	}
	got.code = p.run(context.Background(), append([]string{"keyval"}, args...))
	got.stdout, got.stderr = stdout.String(), stderr.String()
	return got
}

// defaults is the Config of keyval ./d.
func defaults() Config {
	return Config{
		Dir:          "./d",
		StallTimeout: 5 * time.Second,
		HTTPAddr:     "localhost:11000",
		RaftAddr:     "localhost:12000",
		Transport:    Plug{Name: "tcp"},
		Forward:      httpapi.Proxy,
		Raft: node.Timing{
			HeartbeatTimeout:  time.Second,
			ElectionTimeout:   time.Second,
			SnapshotInterval:  2 * time.Minute,
			SnapshotThreshold: 8192,
			TrailingLogs:      10240,
			LogCache:          512,
		},
		LogFormat: "text",
	}
}

func unchanged(*Config) {}

func TestServes(t *testing.T) {
	for _, c := range []struct {
		line string
		env  string
		want func(*Config)
	}{
		{line: "./d", want: unchanged},
		{line: "serve ./d", want: unchanged},
		{line: "-id node0 ./d", want: func(c *Config) { c.ID = "node0" }},
		{line: "--id=node0 ./d", want: func(c *Config) { c.ID = "node0" }},
		{line: "-id node0 serve ./d", want: func(c *Config) { c.ID = "node0" }},
		{line: "serve -id node0 ./d", want: func(c *Config) { c.ID = "node0" }},
		{
			line: "-id a -haddr :1 serve -id b -haddr-adv h:1 ./d",
			want: func(c *Config) { c.ID, c.HTTPAddr, c.HTTPAdvertise = "b", ":1", "h:1" },
		},
		{line: "serve d", want: func(c *Config) { c.Dir = "d" }},
		{line: ".", want: func(c *Config) { c.Dir = "." }},
		{line: `data\node0`, want: func(c *Config) { c.Dir = `data\node0` }},
		{line: "testdata", want: func(c *Config) { c.Dir = "testdata" }},
		{line: "-id node1 -haddr localhost:11001 -raddr localhost:12001 -join :11000 ./d", want: func(c *Config) {
			c.ID, c.HTTPAddr, c.RaftAddr = "node1", "localhost:11001", "localhost:12001"
			c.Join = []string{"http://localhost:11000"}
		}},
		{line: "-join a:1,http://b:2/,[::1]:3,http://:4 ./d", want: func(c *Config) {
			c.Join = []string{"http://a:1", "http://b:2", "http://[::1]:3", "http://localhost:4"}
		}},
		{
			line: "-haddr 0.0.0.0:11000 -haddr-adv 10.0.0.2:80 -raddr 0.0.0.0:12000 -raddr-adv 10.0.0.2:12000 -join 10.0.0.1:11000 ./d",
			want: func(c *Config) {
				c.HTTPAddr, c.HTTPAdvertise = "0.0.0.0:11000", "10.0.0.2:80"
				c.RaftAddr, c.RaftAdvertise = "0.0.0.0:12000", "10.0.0.2:12000"
				c.Join = []string{"http://10.0.0.1:11000"}
			},
		},
		{line: "-join elsewhere:11000 ./d", want: func(c *Config) { c.Join = []string{"http://elsewhere:11000"} }},
		{line: "-log-store wal ./d", want: func(c *Config) { c.LogStore = Plug{Name: "wal"} }},
		{line: "-log-store pebble:cache=1:2 ./d", want: func(c *Config) { c.LogStore = Plug{"pebble", "cache=1:2"} }},
		{line: "-log-guard strict ./d", want: func(c *Config) { c.LogGuard = guard.Strict }},
		{line: "./d", env: "KEYVAL_LOG_GUARD=off", want: func(c *Config) { c.LogGuard = guard.Off }},
		{line: "-log-guard on ./d", env: "KEYVAL_LOG_GUARD=off", want: func(c *Config) { c.LogGuard = guard.On }},
		{line: "-stall-timeout 0 ./d", want: func(c *Config) { c.StallTimeout = 0 }},
		{line: "-stall-timeout 30s ./d", want: func(c *Config) { c.StallTimeout = 30 * time.Second }},
		{line: "-shadow-log-store pebble:cache=1 ./d", want: func(c *Config) { c.Shadow = Plug{"pebble", "cache=1"} }},
		{line: "-transport tcp:x=y ./d", want: func(c *Config) { c.Transport = Plug{"tcp", "x=y"} }},
		{line: "-inmem", want: func(c *Config) { c.Dir, c.LogStore.Name = "", inMemory }},
		{line: "-inmem -log-level error ./d", want: func(c *Config) { c.LogStore.Name, c.LogLevel = inMemory, slog.LevelError }},
		{line: "-inmem=false ./d", want: unchanged},
		{line: "-log-store=inmem -inmem", want: func(c *Config) { c.Dir, c.LogStore.Name = "", inMemory }},
		{line: "-inmem", env: "KEYVAL_LOG_STORE=wal", want: func(c *Config) { c.Dir, c.LogStore.Name = "", inMemory }},
		{line: "-log-store wal ./d", env: "KEYVAL_INMEM=true", want: func(c *Config) { c.LogStore.Name = "wal" }},
		{line: "-forward reject ./d", want: func(c *Config) { c.Forward = httpapi.Reject }},
		{line: "-log-level debug -log-format json ./d", want: func(c *Config) { c.LogLevel, c.LogFormat = slog.LevelDebug, "json" }},
		{line: "-heartbeat-timeout 3s ./d", want: func(c *Config) { c.Raft.HeartbeatTimeout, c.Raft.ElectionTimeout = 3*time.Second, 3*time.Second }},
		{
			line: "-heartbeat-timeout 50ms -election-timeout 60ms ./d",
			want: func(c *Config) {
				c.Raft.HeartbeatTimeout, c.Raft.ElectionTimeout = 50*time.Millisecond, 60*time.Millisecond
			},
		},
		{line: "-snapshot-interval 5s -snapshot-threshold 1 -trailing-logs 2 -log-cache 0 ./d", want: func(c *Config) {
			c.Raft.SnapshotInterval, c.Raft.SnapshotThreshold, c.Raft.TrailingLogs, c.Raft.LogCache = 5*time.Second, 1, 2, 0
		}},
		{line: "-raddr [::1]:12000 ./d", want: func(c *Config) { c.RaftAddr = "[::1]:12000" }},
		{line: "-raddr some-name ./d", want: func(c *Config) { c.RaftAddr = "some-name" }},

		{line: "", env: "KEYVAL_DIR=word", want: func(c *Config) { c.Dir = "word" }},
		{line: "./d", env: "KEYVAL_DIR=word", want: unchanged},
		{line: "./d", env: "KEYVAL_ID=e KEYVAL_HADDR_ADV=h:1 KEYVAL_LOG_STORE=wal", want: func(c *Config) {
			c.ID, c.HTTPAdvertise, c.LogStore.Name = "e", "h:1", "wal"
		}},
		{line: "-id f ./d", env: "KEYVAL_ID=e", want: func(c *Config) { c.ID = "f" }},
		{line: "serve -id f ./d", env: "KEYVAL_ID=e", want: func(c *Config) { c.ID = "f" }},
		{line: "-id f serve ./d", env: "KEYVAL_ID=e", want: func(c *Config) { c.ID = "f" }},
		{line: "./d", env: "KEYVAL_ID= KEYVAL_JOIN=", want: unchanged},
		{line: "", env: "KEYVAL_INMEM=1", want: func(c *Config) { c.Dir, c.LogStore.Name = "", inMemory }},
	} {
		t.Run(strings.TrimSpace(c.env+" keyval "+c.line), func(t *testing.T) {
			got := invoke(environment(c.env), strings.Fields(c.line)...)
			if got.code != 0 || got.stderr != "" || got.cfg == nil {
				t.Fatalf("got exit code %d, standard error %q, Config %+v", got.code, got.stderr, got.cfg)
			}
			want := defaults()
			c.want(&want)
			if want.Dir == "./d" && c.line == "" {
				want.Dir = ""
			}
			if !reflect.DeepEqual(*got.cfg, want) {
				t.Errorf("got  %+v\nwant %+v", *got.cfg, want)
			}
		})
	}
}

// environment parses NAME=VALUE words.
func environment(words string) map[string]string {
	env := map[string]string{}
	for word := range strings.FieldsSeq(words) {
		name, value, _ := strings.Cut(word, "=")
		env[name] = value
	}
	return env
}

func TestHomeDirectory(t *testing.T) {
	home, err := os.UserHomeDir()
	if err != nil {
		t.Skip(err)
	}
	got := invoke(nil, "~/node0")
	if want := filepath.Join(home, "node0"); got.cfg == nil || got.cfg.Dir != want {
		t.Errorf("got %+v, want the directory %s", got, want)
	}
}

// Every flag has its environment variable, and a default that it accepts itself.
func TestEverySetting(t *testing.T) {
	for _, g := range newNodeFlags(Builtin()).groups {
		for _, s := range g.settings {
			got := invoke(map[string]string{s.env(): "\x00"}, "./d")
			if got.code != exitUsage || !strings.Contains(got.stderr, s.env()) {
				t.Errorf("%s: a bad value got exit code %d, standard error %q", s.env(), got.code, got.stderr)
			}
			if s.fallback == "" {
				continue
			}
			if got := invoke(nil, "-"+s.name+"="+s.fallback, "./d"); got.cfg == nil || !reflect.DeepEqual(*got.cfg, defaults()) {
				t.Errorf("-%s=%s, which is the default: got %+v", s.name, s.fallback, got)
			}
		}
	}
}

func TestHelp(t *testing.T) {
	got := invoke(nil, "-h")
	if got.code != 0 || got.stderr != "" || got.cfg != nil {
		t.Fatalf("got exit code %d, standard error %q", got.code, got.stderr)
	}
	golden := filepath.Join("testdata", "help.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(got.stdout), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got.stdout != string(want) {
		t.Errorf("keyval -h differs from %s; if it should, run the test with -update. Got:\n%s", golden, got.stdout)
	}
	for line := range strings.Lines(got.stdout) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 100 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	for _, line := range []string{"help", "--help", "-help", "serve -h", "-id x -h -bogus", "-h ./d"} {
		if other := invoke(nil, strings.Fields(line)...); other != got {
			t.Errorf("keyval %s: got exit code %d, standard error %q", line, other.code, other.stderr)
		}
	}
}

func TestVersion(t *testing.T) {
	for _, line := range []string{"-version", "--version", "-version ./d", "-id x -version", "-version serve"} {
		got := invoke(nil, strings.Fields(line)...)
		words := strings.Fields(got.stdout)
		if got.code != 0 || got.cfg != nil || len(words) != 4 || words[0] != "keyval" ||
			!strings.HasPrefix(words[2], "go") || !strings.Contains(words[3], "/") {
			t.Errorf("keyval %s: got %+v", line, got)
		}
	}
}

func TestFailureToServe(t *testing.T) {
	var stderr bytes.Buffer
	p := program{
		plugs: Builtin(), stdout: io.Discard, stderr: &stderr,
		getenv: func(string) string { return "" }, environ: func() []string { return nil },
		serve: func(context.Context, Config, Plugs, io.Writer, io.Writer) error {
			return errors.Join(errors.New("the disk is full"), errors.New("so is the other"))
		},
	}
	code := p.run(context.Background(), []string{"keyval", "./d"})
	if want := "keyval: the disk is full; so is the other\n"; code != exitFailure || stderr.String() != want {
		t.Errorf("got exit code %d, standard error %q, want %d, %q", code, stderr.String(), exitFailure, want)
	}
}

// What has no effect is said, and does not keep the node from starting.
func TestWarnings(t *testing.T) {
	for _, tt := range []struct {
		env  map[string]string
		line string
		want string // on standard error; empty for nothing
	}{
		{map[string]string{"KEYVAL_LOGSTORE": "wal"}, "./d", "name=KEYVAL_LOGSTORE did_you_mean=KEYVAL_LOG_STORE"},
		{nil, "-inmem ./d", "the data directory is not used"},
		{map[string]string{"KEYVAL_LOG_GUARD": "strict"}, "-inmem", "-log-guard has no effect"},
		{map[string]string{"KEYVAL_LOGSTORE": "wal"}, "-log-level=error ./d", ""},
		{map[string]string{"KEYVAL_PORT": "tcp://10.0.0.1:11000"}, "./d", ""},
		{nil, "-inmem", ""},
	} {
		got := invoke(tt.env, strings.Fields(tt.line)...)
		if got.cfg == nil || (tt.want == "") != (got.stderr == "") || !strings.Contains(got.stderr, tt.want) {
			t.Errorf("%s with %v: served %t, standard error %q, want %q", tt.line, tt.env, got.cfg != nil, got.stderr, tt.want)
		}
	}
}
