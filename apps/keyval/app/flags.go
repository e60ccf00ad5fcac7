package app

import (
	"log/slog"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/forkbikash/keyval/core/httpapi"
	"github.com/forkbikash/keyval/storage/guard"
)

// nodeFlags are the flags of a node, and the Config that they make.
type nodeFlags struct {
	groups []group
	cfg    Config

	inMemory        bool
	inMem, logStore *setting
}

// A group is what stands under one heading in the help.
type group struct {
	name     string
	settings []*setting
}

func newNodeFlags(p Plugs) *nodeFlags {
	f := &nodeFlags{}
	f.groups = []group{
		{"Node", f.nodeSettings(p)},
		{"Cluster", f.clusterSettings(p)},
		{"Raft log and snapshots", f.logSettings()},
		{"Timing", f.timingSettings()},
		{"Logging", f.loggingSettings()},
	}
	return f
}

func (f *nodeFlags) nodeSettings(p Plugs) []*setting {
	f.logStore = &setting{
		name: "log-store", arg: "NAME[:ARG]",
		usage: "what keeps the Raft log: " + names(p.LogStores) + "; a directory keeps the one it was made with",
		shown: defaultLogStore,
		parse: plug(&f.cfg.LogStore, p.logStore),
	}
	shadow := &setting{
		name: "shadow-log-store", arg: "NAME[:ARG]",
		usage: "another log store to try: it is given all that is written, and what it has is compared and never used",
		parse: plug(&f.cfg.Shadow, p.logStore),
	}
	f.inMem = &setting{
		name:  "inmem",
		usage: "keep everything in memory and write nothing; the same as -log-store=" + inMemory,
		parse: boolean(&f.inMemory),
	}
	return []*setting{
		{
			name: "id", arg: "NAME",
			usage: "the node's name, unique in its cluster",
			shown: "the one in DIR, or the Raft address",
			parse: text(&f.cfg.ID, checkID),
		},
		{
			name: "haddr", arg: "HOST:PORT",
			usage: "where to serve HTTP", fallback: "localhost:11000",
			parse: text(&f.cfg.HTTPAddr, checkAddr),
		},
		{
			name: "raddr", arg: "ADDR",
			usage: "where to listen for the other nodes", fallback: "localhost:12000",
			parse: text(&f.cfg.RaftAddr, checkRaftAddr),
		},
		f.logStore,
		f.inMem,
		shadow,
	}
}

func (f *nodeFlags) clusterSettings(p Plugs) []*setting {
	return []*setting{
		{
			name: "join", arg: "ADDR,...",
			usage: "join the cluster of these nodes, given by their HTTP addresses, such as :11000 or http://10.0.0.1:11000; " +
				"a node that is a member already needs it no more",
			parse: joins(&f.cfg.Join),
		},
		{
			name: "haddr-adv", arg: "HOST:PORT",
			usage: "the HTTP address that other nodes are told", shown: "-haddr",
			parse: text(&f.cfg.HTTPAdvertise, checkReachable),
		},
		{
			name: "raddr-adv", arg: "ADDR",
			usage: "the Raft address that other nodes are told", shown: "-raddr",
			parse: text(&f.cfg.RaftAdvertise, checkRaftAddr),
		},
		{
			name: "transport", arg: "NAME[:ARG]",
			usage: "what carries Raft's messages: " + names(p.Transports), fallback: defaultTransport,
			parse: plug(&f.cfg.Transport, p.transport),
		},
		{
			name: "forward", arg: "HOW",
			usage:    "what a follower does with a request for the leader: proxy passes it on, redirect answers 307, reject answers 421",
			fallback: httpapi.Proxy.String(),
			parse:    forward(&f.cfg.Forward),
		},
	}
}

func (f *nodeFlags) logSettings() []*setting {
	const most = 1 << 40 // entries; far beyond use, and safe to add to
	r := &f.cfg.Raft
	return []*setting{
		{
			name: "log-guard", arg: "HOW",
			usage: "what a log store on disk wears: on; strict, which is sure of the last entry too and makes an append take about twice as long; " +
				"or off; a directory keeps what it had last",
			shown: string(guard.On),
			parse: oneOf(&f.cfg.LogGuard, guard.On, guard.Strict, guard.Off),
		},
		{
			name: "snapshot-interval", arg: "TIME",
			usage: "how often to see whether a snapshot is due", fallback: "120s",
			parse: duration(&r.SnapshotInterval, 5*time.Millisecond, 365*24*time.Hour),
		},
		{
			name: "snapshot-threshold", arg: "N",
			usage: "log entries since the last snapshot that make one due", fallback: "8192",
			parse: count(&r.SnapshotThreshold, 1, most),
		},
		{
			name: "trailing-logs", arg: "N",
			usage: "log entries kept behind a snapshot, for followers that lag", fallback: "10240",
			parse: count(&r.TrailingLogs, 1, most),
		},
		{
			name: "log-cache", arg: "N",
			usage: "newest log entries held in memory; 0 for none", fallback: "512",
			parse: count(&r.LogCache, 0, 1<<20),
		},
		{
			name: "stall-timeout", arg: "TIME",
			usage:    "how long a write to the log or a read may hang before the node ends, so that another leads; 0 for ever",
			fallback: "5s",
			parse:    durationOrNone(&f.cfg.StallTimeout, 100*time.Millisecond, time.Hour),
		},
	}
}

func (f *nodeFlags) timingSettings() []*setting {
	r := &f.cfg.Raft
	return []*setting{
		{
			name: "heartbeat-timeout", arg: "TIME",
			usage: "silence of the leader after which a follower stands for election", fallback: "1s",
			parse: duration(&r.HeartbeatTimeout, minHeartbeat, maxTimeout),
		},
		{
			name: "election-timeout", arg: "TIME",
			usage: "how long a candidate waits for votes; at least -heartbeat-timeout", shown: "1s, or -heartbeat-timeout if longer",
			parse: duration(&r.ElectionTimeout, minHeartbeat, maxTimeout),
		},
	}
}

func (f *nodeFlags) loggingSettings() []*setting {
	return []*setting{
		{
			name: "log-level", arg: "LEVEL",
			usage: "the least that is logged: debug, info, warn or error", fallback: "info",
			parse: level(&f.cfg.LogLevel),
		},
		{
			name: "log-format", arg: "FORMAT",
			usage: "text or json, on standard error", fallback: "text",
			parse: oneOf(&f.cfg.LogFormat, "text", "json"),
		},
	}
}

const (
	defaultElectionTimeout = time.Second

	// The leader's lease is half the heartbeat timeout, and hashicorp/raft takes
	// none below 5 ms.
	minHeartbeat = 10 * time.Millisecond
	maxTimeout   = 10 * time.Minute
)

func forward(to *httpapi.Forward) func(string) error {
	return func(s string) (err error) {
		var name string
		if err := oneOf(&name, httpapi.Proxy.String(), httpapi.Redirect.String(), httpapi.Reject.String())(s); err != nil {
			return err
		}
		*to, err = httpapi.ParseForward(name)
		return err
	}
}

func level(to *slog.Level) func(string) error {
	return func(s string) error {
		var name string
		if err := oneOf(&name, "debug", "info", "warn", "error")(s); err != nil {
			return err
		}
		return to.UnmarshalText([]byte(name))
	}
}

// cliFlags makes the settings flags of a command. Several commands may have
// them: wherever a flag stands, it counts.
func (f *nodeFlags) cliFlags() []cli.Flag {
	var flags []cli.Flag
	for _, g := range f.groups {
		for _, s := range g.settings {
			flags = append(flags, s.cliFlag())
		}
	}
	return flags
}

// config returns what the flags, the environment and the defaults make
// together.
func (f *nodeFlags) config(getenv func(string) string) (Config, error) {
	for _, g := range f.groups {
		for _, s := range g.settings {
			if err := s.resolve(getenv); err != nil {
				return Config{}, err
			}
		}
	}
	if err := f.chooseMemory(); err != nil {
		return Config{}, err
	}
	if r := &f.cfg.Raft; r.ElectionTimeout == 0 {
		r.ElectionTimeout = max(defaultElectionTimeout, r.HeartbeatTimeout)
	}
	return f.cfg, f.cfg.check()
}

// chooseMemory makes -inmem and -log-store one. Of a flag and an environment
// variable the flag wins; of two alike that differ, neither.
func (f *nodeFlags) chooseMemory() error {
	if !f.inMemory || f.inMem.from < f.logStore.from {
		return nil
	}
	if f.inMem.from == f.logStore.from && !f.cfg.InMemory() {
		return usagef("%s and %s=%s contradict each other: give one of them",
			f.inMem.label(), f.logStore.label(), f.logStore.text)
	}
	if !f.cfg.InMemory() {
		f.cfg.LogStore = Plug{Name: inMemory}
	}
	return nil
}
