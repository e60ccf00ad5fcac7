package app

import (
	"os"
	"strings"
	"testing"
)

func TestRefuses(t *testing.T) {
	for _, c := range []struct{ line, env, want string }{
		// Where to keep data.
		{line: "", want: "no data directory: write keyval [flags] DIR, or -inmem"},
		{line: "serve", want: "no data directory"},
		{line: "-log-store wal", want: "no data directory"},
		{line: "./d -id node0 -inmem", want: "flags go before the data directory: write -id node0 -inmem before ./d"},
		{line: "serve d -id node0", want: "flags go before the data directory: write -id node0 before d"},
		{line: "./d ./e", want: "something after the data directory ./d, which comes last: ./e"},
		{line: "stauts", want: `there is no command "stauts"; to serve a directory of that name write ./stauts`},
		{line: "sevre", want: `there is no command "sevre" (did you mean serve?)`},
		{line: "sevre ./d", want: `there is no command "sevre" (did you mean serve?)`},
		{line: "-id node0 hlep", want: "(did you mean help?)"},
		{line: "version", want: "(did you mean -version?)"},
		{line: "-inmem node0", want: `there is no command "node0"; to serve a directory of that name write ./node0`},
		{line: "-forward nowhere stauts", want: `there is no command "stauts"`},
		{line: "go.mod", want: `there is no command "go.mod"`},

		// Flags.
		{line: "-idd x ./d", want: "there is no flag -idd (did you mean -id?); keyval -h lists them"},
		{line: "--log-stor wal ./d", want: "there is no flag -log-stor (did you mean -log-store?)"},
		{line: "-xyzzy ./d", want: "there is no flag -xyzzy; keyval -h lists them"},
		{line: "serve -idd x ./d", want: "there is no flag -idd (did you mean -id?)"},
		{line: "-id", want: "-id needs a value: write -id=VALUE"},
		{line: "-version=perhaps", want: "perhaps"},

		// The node's name.
		{line: "-id a/b ./d", want: `-id "a/b": an id has only letters, digits and . _ : -`},
		{line: "-id= ./d", want: `-id "": an id has 1 to 128 characters`},
		{line: "-id -raddr ./d", want: `-id "-raddr": an id does not begin with a dash: is the flag's value missing?`},
		{line: "-id .. ./d", want: "an id is more than dots"},
		{line: "-id " + strings.Repeat("x", 129) + " ./d", want: "an id has 1 to 128 characters"},
		{line: "-id node\u00e9 ./d", want: "an id has only letters"},
		{line: "-raddr [fe80::1%eth0]:12000 ./d", want: "cannot name the node (an id has only letters, digits and . _ : -): name it with -id"},
		{line: "./d", env: "KEYVAL_ID=a/b", want: `KEYVAL_ID "a/b": an id has only`},

		// Log stores and transports.
		{line: "-log-store blot ./d", want: `there is no log store "blot": take one of bolt, inmem, pebble, wal (did you mean bolt?)`},
		{line: "-log-guard stric ./d", want: "take one of on, strict, off (did you mean strict?)"},
		{line: "-log-store rocks ./d", want: `there is no log store "rocks": take one of bolt, inmem, pebble, wal` + "\n"},
		{line: "-log-store= ./d", want: `there is no log store ""`},
		{line: "./d", env: "KEYVAL_LOG_STORE=blot", want: `KEYVAL_LOG_STORE "blot": there is no log store`},
		{line: "-transport tpc ./d", want: `there is no transport "tpc": take one of tcp (did you mean tcp?)`},
		{line: "-inmem -log-store bolt ./d", want: "-inmem and -log-store=bolt contradict each other"},
		{line: "./d", env: "KEYVAL_INMEM=1 KEYVAL_LOG_STORE=wal", want: "KEYVAL_INMEM and KEYVAL_LOG_STORE=wal contradict each other"},
		{line: "-shadow-log-store pebbel ./d", want: `-shadow-log-store "pebbel": there is no log store "pebbel": take one of bolt, inmem, pebble, wal (did you mean pebble?)`},
		{line: "-inmem -shadow-log-store wal", want: "-shadow-log-store=wal tries a log store beside one on disk, and this node writes nothing"},
		{line: "-stall-timeout 5 ./d", want: `-stall-timeout "5": write a number and a unit, such as 500ms, 1s or 2m, or 0 for none`},
		{line: "-stall-timeout 1ms ./d", want: `-stall-timeout "1ms": take one from 100ms to 1h0m0s, or 0 for none`},
		{line: "-inmem=perhaps ./d", want: `-inmem "perhaps": write true or false`},

		// Addresses.
		{line: "-haddr localhost ./d", want: `-haddr "localhost": write host:port, such as localhost:11000`},
		{line: "-haddr http://localhost:11000 ./d", want: "write host:port, without a scheme"},
		{line: "-haddr localhost:http ./d", want: `port "http" is not a number from 1 to 65535`},
		{line: "-haddr localhost:65536 ./d", want: `port "65536" is not a number`},
		{line: "-haddr localhost:0 ./d", want: "port 0 would be another one at each start"},
		{line: "-haddr a/b:1 ./d", want: `"a/b" is not a host`},
		{line: "-haddr ::1:11000 ./d", want: "write an IPv6 address in brackets, such as [::1]:11000"},
		{line: "-haddr :11000 ./d", want: "-haddr=:11000 listens on every interface, which other nodes cannot be told: name this host with -haddr-adv=HOST:11000"},
		{line: "-haddr [::]:11000 ./d", want: "-haddr-adv=HOST:11000"},
		{line: "-haddr :11000 -haddr-adv 0.0.0.0:11000 ./d", want: `-haddr-adv "0.0.0.0:11000": it stands for every interface`},
		{line: "-haddr localhost:12000 ./d", want: "-haddr and -raddr are both localhost:12000"},
		{line: "-raddr localhost:0 ./d", want: "port 0 would be another one at each start"},
		{line: "-raddr= ./d", want: "write an address, such as localhost:12000"},
		{line: "-raddr -id ./d", want: "an address does not begin with a dash"},

		// Joining.
		{line: "-join= ./d", want: `-join "": an address is empty`},
		{line: "-join a:1,,b:2 ./d", want: "an address is empty: separate them with single commas"},
		{line: "-join a:1, ./d", want: "an address is empty"},
		{line: "-join node0 ./d", want: `"node0": write host:port`},
		{line: "-join https://a:1 ./d", want: "only http:// is understood"},
		{line: "-join http://a:1/key ./d", want: "write http://host:port and nothing after it"},
		{line: "-join http://a ./d", want: "write host:port"},
		{line: "-join a:0 ./d", want: "port 0"},
		{line: "-join 10.0.0.1:11000 ./d", want: "10.0.0.1:11000 cannot reach this node at its Raft address localhost:12000: " +
			"listen on an address of this host with -raddr=HOST:12000, or name one with -raddr-adv=HOST:12000"},
		{line: "-raddr [::1]:12000 -join :11000,http://[2001:db8::1]:11000 ./d", want: "-raddr-adv=HOST:12000"},
		{line: "-raddr :12000 -raddr-adv 127.1.2.3:9 -join 10.0.0.1:11000 ./d", want: "Raft address 127.1.2.3:9"},
		{line: "-raddr 10.0.0.2:12000 -join 10.0.0.1:11000 ./d", want: "HTTP address localhost:11000: listen on an address of this host with -haddr=HOST:11000, or name one with -haddr-adv"},

		// Raft, logging.
		{line: "-heartbeat-timeout 1 ./d", want: `-heartbeat-timeout "1": write a number and a unit, such as 500ms, 1s or 2m`},
		{line: "-heartbeat-timeout 9ms ./d", want: "take one from 10ms to 10m0s"},
		{line: "-heartbeat-timeout -1s ./d", want: "take one from 10ms to 10m0s"},
		{line: "-heartbeat-timeout 2s -election-timeout 1s ./d", want: "-election-timeout=1s is shorter than -heartbeat-timeout=2s: make it at least as long"},
		{line: "-stall-timeout 1ms ./d", want: "take one from 100ms to 1h0m0s, or 0 for none"},
		{line: "-snapshot-threshold 0 ./d", want: "take a whole number from 1 to"},
		{line: "-trailing-logs -5 ./d", want: "take a whole number from 1 to"},
		{line: "-trailing-logs 99999999999999999999 ./d", want: "take a whole number from 1 to"},
		{line: "-log-cache many ./d", want: "take a whole number from 0 to 1048576"},
		{line: "-forward proxi ./d", want: `-forward "proxi": take one of proxy, redirect, reject (did you mean proxy?)`},
		{line: "-log-level loud ./d", want: `take one of debug, info, warn, error` + "\n"},
		{line: "-log-format xml ./d", want: "take one of text, json"},
	} {
		t.Run(strings.TrimSpace(c.env+" keyval "+c.line), func(t *testing.T) {
			wantRefused(t, invoke(environment(c.env), strings.Fields(c.line)...), c.want)
		})
	}
}

// wantRefused checks that nothing was served, and that one line says want.
func wantRefused(t *testing.T, got invocation, want string) {
	t.Helper()
	if got.code != exitUsage || got.cfg != nil || got.stdout != "" {
		t.Errorf("got exit code %d, standard output %q, Config %+v, want a refusal with %d", got.code, got.stdout, got.cfg, exitUsage)
	}
	if !strings.HasPrefix(got.stderr, "keyval: ") || strings.Count(got.stderr, "\n") != 1 || !strings.Contains(got.stderr, want) {
		t.Errorf("got standard error %q, want one line that says %q", got.stderr, want)
	}
}

func TestRefusesOddArguments(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"an empty directory name", []string{"-id", "x", ""}, "the data directory is an empty string"},
		{"a space in the id", []string{"-id", "my node", "./d"}, `-id "my node"`},
		{"a line break in the id", []string{"-id", "a\nb", "./d"}, `-id "a\nb"`},
		{"a line break in a flag", []string{"-a\nb", "./d"}, "there is no flag"},
		{"a space in the address", []string{"-raddr", "local host:1", "./d"}, "an address has no spaces"},
		{"a space in -join", []string{"-join", "a:1, b:2", "./d"}, `" b" is not a host`},
	} {
		t.Run(c.name, func(t *testing.T) { wantRefused(t, invoke(nil, c.args...), c.want) })
	}
}

// A directory of a plain name is served where it exists, and a misspelt command
// never makes one.
func TestPlainNames(t *testing.T) {
	t.Chdir(t.TempDir())
	wantRefused(t, invoke(nil, "node0"), "write ./node0")
	if err := os.Mkdir("node0", 0o700); err != nil {
		t.Fatal(err)
	}
	if got := invoke(nil, "node0"); got.cfg == nil || got.cfg.Dir != "node0" {
		t.Errorf("with the directory there, got %+v", got)
	}
}

func TestClosest(t *testing.T) {
	words := []string{"status", "serve", "get", "members"}
	for word, want := range map[string]string{
		"stauts": "status", "statu": "status", "sttus": "status", "statuss": "status",
		"sevre": "serve", "gte": "get", "member": "members", "": "", "x": "", "list": "", "node0": "",
	} {
		if got := closest(word, words); got != want {
			t.Errorf("closest(%q): got %q, want %q", word, got, want)
		}
	}
}

func TestDefaultID(t *testing.T) {
	for _, c := range []struct{ addr, advertise, want string }{
		{"localhost:12000", "", "localhost:12000"},
		{":12000", "10.0.0.2:12000", "10.0.0.2:12000"},
		{"[::1]:12000", "", "::1:12000"},
		{"a-name", "", "a-name"},
	} {
		if got := (Config{RaftAddr: c.addr, RaftAdvertise: c.advertise}).DefaultID(); got != c.want {
			t.Errorf("%s advertised as %q: got %q, want %q", c.addr, c.advertise, got, c.want)
		}
	}
}
