package tcp

import (
	"strings"
	"testing"

	"github.com/forkbikash/keyval/transport"
)

func TestCheckAddresses(t *testing.T) {
	const adv = "-raddr-adv"
	tests := []struct {
		name, bind, advertise, want string
		wantErr                     []string
	}{
		{name: "name", bind: "localhost:12000", want: "localhost:12000"},
		{name: "IPv4", bind: "127.0.0.1:12000", want: "127.0.0.1:12000"},
		{name: "IPv6", bind: "[::1]:12000", want: "[::1]:12000"},
		{name: "zone", bind: "[fe80::1%eth0]:12000", want: "[fe80::1%eth0]:12000"},
		{name: "name advertised as it is", bind: ":12000", advertise: "Node-0.db_1.example.:12000", want: "Node-0.db_1.example.:12000"},
		{name: "any port behind a fixed one", bind: "127.0.0.1:0", advertise: "node0:12000", want: "node0:12000"},

		{name: "wildcard without host", bind: ":12000", wantErr: []string{`":12000"`, "wildcard", adv}},
		{name: "wildcard IPv4", bind: "0.0.0.0:12000", wantErr: []string{"wildcard", adv}},
		{name: "wildcard IPv6", bind: "[::]:12000", wantErr: []string{"wildcard", adv}},
		{name: "wildcard mapped", bind: "[::ffff:0.0.0.0]:12000", wantErr: []string{"wildcard", adv}},
		{name: "wildcard advertised", bind: ":12000", advertise: "0.0.0.0:12000", wantErr: []string{"advertised", "wildcard", adv}},
		{name: "nothing but a port advertised", bind: ":12000", advertise: ":12000", wantErr: []string{"advertised", "wildcard"}},
		{name: "multicast advertised", bind: ":12000", advertise: "224.0.0.1:12000", wantErr: []string{"many machines"}},
		{name: "broadcast", bind: "255.255.255.255:12000", wantErr: []string{"many machines"}},
		{name: "port 0", bind: "localhost:0", wantErr: []string{"port 0", adv}},
		{name: "port 0 advertised", bind: "localhost:12000", advertise: "node0:0", wantErr: []string{"advertised", "port 0"}},

		{name: "empty", wantErr: []string{"missing port", "want HOST:PORT"}},
		{name: "no port", bind: "localhost", wantErr: []string{`"localhost": missing port`, "want HOST:PORT"}},
		{name: "empty port", bind: "localhost:", wantErr: []string{`port ""`}},
		{name: "named port", bind: "localhost:http", wantErr: []string{`port "http"`}},
		{name: "port too high", bind: "localhost:65536", wantErr: []string{"0 to 65535"}},
		{name: "negative port", bind: "localhost:-1", wantErr: []string{"0 to 65535"}},
		{name: "bare IPv6", bind: "::1:12000", wantErr: []string{"too many colons", "[::1]:12000"}},
		{name: "URL", bind: "http://localhost:12000", wantErr: []string{"too many colons"}},
		{name: "space", bind: "local host:12000", wantErr: []string{"neither a host name nor an IP address"}},
		{name: "path advertised", bind: ":12000", advertise: "node0/x:12000", wantErr: []string{"advertised", "neither a host name"}},
		{name: "malformed bind beside a good advertised", bind: "localhost", advertise: "node0:12000", wantErr: []string{"missing port"}},
		{name: "name too long", bind: strings.Repeat("a", 254) + ":1", wantErr: []string{"neither a host name"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := checkAddresses(tt.bind, tt.advertise)
			if string(got) != tt.want || (err == nil) != (tt.wantErr == nil) {
				t.Fatalf("got %q, %v, want %q, error with %q", got, err, tt.want, tt.wantErr)
			}
			for _, part := range tt.wantErr {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q does not say %q", err, part)
				}
			}
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q is more than one line", err)
			}
		})
	}
}

func TestLocalAddrIsWhatWasGiven(t *testing.T) {
	bind := freeAddr(t)
	_, port, _ := strings.Cut(bind, ":")
	n := open(t, transport.Config{ID: "a", Bind: bind, Advertise: "some-host.example:" + port})
	if got, want := string(n.LocalAddr()), "some-host.example:"+port; got != want {
		t.Errorf("LocalAddr: got %s, want %s", got, want)
	}
	byName := open(t, transport.Config{ID: "b", Bind: "localhost:" + freePort(t)})
	if got := string(byName.LocalAddr()); !strings.HasPrefix(got, "localhost:") {
		t.Errorf("LocalAddr: got %s, want the name and not its IP address", got)
	}
	serve(t, byName, grantVotes)
	if err := vote(n, byName.LocalAddr()); err != nil {
		t.Errorf("a peer known by name: %v", err)
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	_, port, _ := strings.Cut(freeAddr(t), ":")
	return port
}

func TestTakenPort(t *testing.T) {
	first := open(t, transport.Config{ID: "a"})
	bind := string(first.LocalAddr())
	_, err := Open(transport.Config{ID: "b", Bind: bind})
	if err == nil {
		t.Fatal("two transports listen at one address")
	}
	for _, part := range []string{bind, "address already in use"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	tests := []struct {
		name string
		c    transport.Config
		want string
	}{
		{"unknown option", transport.Config{Arg: "x=1"}, `unknown option "x"`},
		{"node id too long", transport.Config{ID: strings.Repeat("n", maxIDLen+1)}, "the node id has 513 bytes, the limit is 512"},
		{"cluster id not text", transport.Config{ClusterID: "a\nb"}, `the cluster id "a\nb" is not printable text`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.c.Bind = freeAddr(t)
			if _, err := Open(tt.c); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}
