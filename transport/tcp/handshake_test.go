package tcp

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"
)

// wire is a frame with any lengths, as far as the node's id.
func wire(clusterLen uint16, cluster string, nodeLen uint16, node string) []byte {
	b := append([]byte(magic), version, kindHello, byte(clusterLen>>8), byte(clusterLen))
	b = append(b, cluster...)
	b = append(b, byte(nodeLen>>8), byte(nodeLen))
	return append(b, node...)
}

func TestFrameRoundTrip(t *testing.T) {
	long := strings.Repeat("é", maxIDLen/2)
	for _, want := range []frame{
		{kindHello, identity{"c1", "node0"}, "node1"},
		{kindHello, identity{long, long}, long},
		{kindAccepted, identity{}, ""},
	} {
		encoded := want.encode()
		if len(encoded) > maxFrameLen {
			t.Errorf("%d bytes, the limit is %d", len(encoded), maxFrameLen)
		}
		// One byte at a time, as a network may.
		r := iotest.OneByteReader(io.MultiReader(bytes.NewReader(encoded), strings.NewReader("raft")))
		got, err := readFrame(r)
		if err != nil || got != want {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
		if rest, _ := io.ReadAll(r); string(rest) != "raft" {
			t.Errorf("left for raft: %q", rest)
		}
	}
}

func TestReadFrameRefuses(t *testing.T) {
	tests := []struct {
		name string
		in   []byte
		want string
	}{
		{"nothing", nil, "closed the connection before it had introduced itself"},
		{"half a prefix", []byte(magic[:3]), "closed the connection"},
		{"prefix only", append([]byte(magic), version), "closed the connection"},
		{"cut in an id", wire(8, "half", 0, "")[:prefixLen+5], "closed the connection"},
		{"HTTP/1", []byte("GET /status HTTP/1.1\r\n\r\n"), "speaks HTTP"},
		{"HTTP/2", []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "speaks HTTP"},
		{"HTTP answer", []byte("HTTP/1.1 400 Bad Request\r\n"), "speaks HTTP"},
		{"TLS", []byte("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03"), "speaks TLS, this node plain text"},
		{"bare Raft", []byte("\x01\x89\xa4Term\x05\xa9Cand"), "does not speak keyval's protocol (it began with \"\\x01"},
		{"another version", append([]byte(magic), 9, 0, 0, 0), "speaks version 9 of the handshake, this node version 2"},
		{"the version before", append([]byte(magic), 1, 0, 0, 0), "speaks version 1 of the handshake, this node version 2"},
		{"long cluster id", wire(maxIDLen+1, "", 0, ""), "claims a cluster id of 513 bytes, the limit is 512"},
		{"long node id", wire(1, "c", 0xffff, ""), "claims a node id of 65535 bytes"},
		{"control character", wire(2, "a\n", 0, ""), "cluster id that is not printable"},
		{"not UTF-8", wire(0, "", 1, "\xff"), "node id that is not printable"},
		{"no wanted node", wire(0, "", 1, "n"), "closed the connection"},
		{"long wanted node", append(wire(0, "", 1, "n"), 0xff, 0xff), "claims a wanted node id of 65535 bytes"},
		{"wanted node with a control character", append(wire(0, "", 1, "n"), 0, 1, 0), "wanted node id that is not printable"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := readFrame(bytes.NewReader(tt.in)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestWhoIsAccepted(t *testing.T) {
	tests := []struct {
		dialer, acceptor string
		want             string
	}{
		{"x", "x", ""},
		{"", "x", ""},
		{"x", "", ""},
		{"", "", ""},
		{"x", "y", "belongs to cluster"},
	}
	for _, tt := range tests {
		t.Run(tt.dialer+" to "+tt.acceptor, func(t *testing.T) {
			a, b := net.Pipe()
			accepted := make(chan error, 1)
			go func() {
				peer, err := receive(b, identity{tt.acceptor, "b"})
				if peer != (identity{tt.dialer, "a"}) {
					t.Errorf("the acceptor met %+v", peer)
				}
				accepted <- err
			}()
			err := introduce(a, identity{tt.dialer, "a"}, "b")
			a.Close()
			for end, got := range map[string]error{"dialer": err, "acceptor": <-accepted} {
				if (got == nil) != (tt.want == "") || got != nil && !strings.Contains(got.Error(), tt.want) {
					t.Errorf("%s: got %v, want %q", end, got, tt.want)
				}
			}
			b.Close()
		})
	}
}

func TestDialerChecksTheReply(t *testing.T) {
	tests := []struct {
		name  string
		reply []byte
		want  string
	}{
		{"accepts but names another cluster", frame{kindAccepted, identity{"y", "b"}, ""}.encode(), "belongs to cluster y, this node to x"},
		{"refuses", frame{kindOtherCluster, identity{"y", "b"}, ""}.encode(), "belongs to cluster y, this node to x"},
		{"accepts but is another node", frame{kindAccepted, identity{"x", "c"}, ""}.encode(), "is node c, not b"},
		{"refuses as another node", frame{kindOtherNode, identity{"x", "c"}, ""}.encode(), "is node c, not b"},
		{"accepts but is this node", frame{kindAccepted, identity{"x", "a"}, ""}.encode(), "is node a, not b: the address leads to this node itself"},
		{"speaks another version", append([]byte(magic), version+1, kindOtherVersion), "speaks version 3"},
		{"says hello", frame{kindHello, identity{"x", "b"}, ""}.encode(), "reply of unknown kind 0"},
		{"makes up a verdict", frame{77, identity{"x", "b"}, ""}.encode(), "reply of unknown kind 77"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := struct {
				io.Reader
				io.Writer
			}{bytes.NewReader(tt.reply), io.Discard}
			if err := introduce(c, identity{"x", "a"}, "b"); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}

// FuzzReadFrame: whatever comes, the decoder reads no more than a frame can hold,
// and what it takes for a frame is one that encodes to the same bytes.
func FuzzReadFrame(f *testing.F) {
	f.Add(frame{kindHello, identity{"cluster", "node0"}, "node1"}.encode())
	f.Add(frame{kindAccepted, identity{}, ""}.encode())
	f.Add(frame{kindOtherCluster, identity{strings.Repeat("c", maxIDLen), strings.Repeat("n", maxIDLen)}, ""}.encode())
	f.Add(wire(0xffff, "", 0, ""))
	f.Add(wire(2, "\xff\xfe", 1, "\x00"))
	f.Add([]byte(magic + "\x03"))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Add([]byte("\x16\x03\x01\x02\x00\x01\x00\x01"))
	f.Fuzz(func(t *testing.T, in []byte) {
		r := bytes.NewReader(in)
		got, err := readFrame(r)
		used := len(in) - r.Len()
		if used > maxFrameLen {
			t.Fatalf("read %d bytes, a frame has at most %d", used, maxFrameLen)
		}
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\r\x00") {
				t.Errorf("the error is not one line: %q", err)
			}
			return
		}
		if again := got.encode(); !bytes.Equal(again, in[:used]) {
			t.Errorf("%x was read as %+v, which encodes to %x", in[:used], got, again)
		}
	})
}
