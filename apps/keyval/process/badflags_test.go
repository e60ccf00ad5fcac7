package process_test

import (
	"net"
	"os"
	"path/filepath"
	"testing"
)

// errorsOnly keeps Raft's own events out of what is checked.
const errorsOnly = "-log-level=error"

// What is wrong on the command line is refused before anything is touched: the
// directory that it names is not even made.
func TestMistakesOnTheCommandLine(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		args  []string
		words []string
	}{
		{"log store", []string{"-log-store=blot", "./data"}, []string{"blot", "did you mean bolt?"}},
		{"forward", []string{"-forward=prox", "./data"}, []string{"prox", "proxy, redirect, reject"}},
		{"log level", []string{"-log-level=loud", "./data"}, []string{"loud", "debug, info, warn, error"}},
		{"log format", []string{"-log-format=xml", "./data"}, []string{"xml", "text, json"}},
		{"duration", []string{"-heartbeat-timeout=1", "./data"}, []string{"-heartbeat-timeout", "unit"}},
		{"count", []string{"-snapshot-threshold=-1", "./data"}, []string{"-snapshot-threshold", "whole number"}},
		{"timings", []string{"-heartbeat-timeout=2s", "-election-timeout=1s", "./data"}, []string{"-election-timeout=1s", "at least as long"}},
		{"address", []string{"-haddr=11000", "./data"}, []string{"-haddr", "host:port"}},
		{"join", []string{"-join=https://localhost:11000", "./data"}, []string{"-join", "http://"}},
		{"id", []string{"-id=a/b", "./data"}, []string{"-id", "letters"}},
		{"flag", []string{"-log-stor=bolt", "./data"}, []string{"-log-stor", "did you mean -log-store?"}},
		{"flag's value", []string{"-id"}, []string{"-id=VALUE"}},
		{"subcommand", []string{"srve"}, []string{`"srve"`, "did you mean serve?"}},
		{"word", []string{"stauts"}, []string{`"stauts"`, "./stauts"}},
		{"no directory", nil, []string{"DIR", "-inmem"}},
		{"two directories", []string{"./data", "./more"}, []string{"./more"}},
		{"flag after the directory", []string{"./data", "-id=node0"}, []string{"-id=node0", "before"}},
		{"contradiction", []string{"-inmem", "-log-store=wal", "./data"}, []string{"-inmem", "-log-store=wal"}},
		{"one port for both", []string{"-haddr=localhost:11000", "-raddr=localhost:11000", "./data"}, []string{"-haddr", "-raddr", "different"}},
		{"wildcard HTTP address", []string{"-haddr=:11000", "./data"}, []string{"-haddr-adv=HOST:11000"}},
		{"loopback toward a remote peer", []string{"-join=192.0.2.1:11000", "./data"}, []string{"192.0.2.1", "-raddr-adv"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			untouched(t, dir)
			runIn(t, dir, tt.args...).expect(t, 2, tt.words...)
		})
	}
}

// What only the plugs understand is refused as what the program itself does: by
// a node in a new directory, in one that was made for it, and by one that would
// wait for its cluster otherwise.
func TestMistakesThatPlugsFind(t *testing.T) {
	t.Parallel()
	_, port, err := net.SplitHostPort(freeAddr(t))
	if err != nil {
		t.Fatal(err)
	}
	nobody := freeAddr(t)
	for _, tt := range []struct {
		flag  string
		words []string
	}{
		{"-log-store=wal:segment=bogus", []string{"-log-store=wal", "segment=bogus", "64KiB"}},
		{"-log-store=bolt:bogus=1", []string{"-log-store=bolt", "bogus=1", "freelist=map|array"}},
		{"-log-store=pebble:cache", []string{"-log-store=pebble", "cache=SIZE"}},
		{"-log-store=inmem:x=1", []string{"-log-store=inmem", "no settings"}},
		{"-transport=tcp:bogus", []string{"tcp", "bogus", "pool=N"}},
		{"-raddr=:" + port, []string{":" + port, "-raddr-adv"}},
		{"-raddr=0.0.0.0:" + port, []string{"0.0.0.0:" + port, "-raddr-adv"}},
		{"-raddr=some-name", []string{"some-name", "HOST:PORT"}},
		{"-raddr-adv=0.0.0.0:" + port, []string{"0.0.0.0:" + port, "-raddr-adv"}},
	} {
		t.Run(tt.flag, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			empty := filepath.Join(dir, "empty")
			if err := os.Mkdir(empty, 0o700); err != nil {
				t.Fatal(err)
			}
			untouched(t, dir)
			args := []string{errorsOnly, "-haddr", freeAddr(t), "-raddr", freeAddr(t), tt.flag}
			for _, more := range [][]string{{"./new/data"}, {"./empty"}, {"-join", nobody, "./new"}} {
				runIn(t, dir, append(args[:len(args):len(args)], more...)...).expect(t, 2, tt.words...)
			}
			if _, err := os.Stat(filepath.Join(empty, "LOCK")); err == nil {
				t.Error("it left a lock file")
			}
		})
	}
}

// A directory without any state takes another log store. A mistake with that one
// leaves it as it was.
func TestMistakenChangeOfLogStore(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "")
	n := c.node()
	if err := n.launch("-join", freeAddr(t)); err != nil {
		t.Fatal(err)
	}
	await(t, "the marker", func() error {
		_, err := os.Stat(filepath.Join(n.dir, "log", "raft.db"))
		return err
	})
	if code := n.term(); code != 0 {
		t.Errorf("it ended with %d", code)
	}
	untouched(t, n.dir)
	run(t, errorsOnly, "-haddr", n.haddr, "-raddr", n.raddr, "-log-store=wal:segment=bogus", n.dir).
		expect(t, 2, "segment=bogus")
}

func TestTakenPorts(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	taken := l.Addr().String()

	dir := t.TempDir()
	runIn(t, dir, errorsOnly, "-haddr", taken, "-raddr", freeAddr(t), "./data").
		expect(t, 1, taken, "address already in use", "-haddr")
	if files := tree(t, dir); len(files) != 0 {
		t.Errorf("a taken HTTP port left %v", files)
	}
	for _, join := range [][]string{nil, {"-join", freeAddr(t)}} {
		args := append([]string{errorsOnly, "-haddr", freeAddr(t), "-raddr", taken}, join...)
		runIn(t, dir, append(args, "./data")...).
			expect(t, 1, taken, "address already in use", "-raddr")
	}
	if files := tree(t, dir); len(files) != 0 {
		t.Errorf("a taken Raft port left %v", files)
	}

	// A member's directory is as it was, and serves once the port is right.
	c := newCluster(t, "", fast...)
	n := c.found()
	n.put("user1", "batman")
	if code := n.term(); code != 0 {
		t.Errorf("it ended with %d", code)
	}
	before := marker(t, n.dir)
	for _, addrs := range [][]string{{"-haddr", taken, "-raddr", n.raddr}, {"-haddr", n.haddr, "-raddr", taken}} {
		run(t, append(addrs, errorsOnly, n.dir)...).expect(t, 1, taken)
	}
	if after := marker(t, n.dir); after != before {
		t.Errorf("the marker is %s, and was %s", after, before)
	}
	n.start()
	c.awaitKey("user1", "batman", n)
}
