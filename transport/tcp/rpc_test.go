package tcp

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/transport"
)

var header = raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte("a"), Addr: []byte("a:1")}

func someEntries() *raft.AppendEntriesRequest {
	return &raft.AppendEntriesRequest{
		RPCHeader: header, Term: 4, Leader: []byte("a:1"), PrevLogEntry: 10, PrevLogTerm: 3, LeaderCommitIndex: 9, //nolint:staticcheck // deprecated, and still sent
		Entries: []*raft.Log{
			{Index: 11, Term: 4, Type: raft.LogCommand, Data: []byte("one"), Extensions: []byte("x"), AppendedAt: time.Unix(1700000000, 5).UTC()},
			{Index: 12, Term: 4, Type: raft.LogNoop, AppendedAt: time.Unix(1700000001, 0).UTC()},
		},
	}
}

func TestRoundTrips(t *testing.T) {
	const target = "b"
	tests := []struct {
		name       string
		call       func(from *network, to raft.ServerAddress, req, resp any) error
		req, reply any
	}{
		{"AppendEntries", func(n *network, to raft.ServerAddress, req, resp any) error {
			return n.AppendEntries(target, to, req.(*raft.AppendEntriesRequest), resp.(*raft.AppendEntriesResponse))
		}, someEntries(), &raft.AppendEntriesResponse{RPCHeader: header, Term: 4, LastLog: 12, Success: true, NoRetryBackoff: true}},
		{"RequestVote", func(n *network, to raft.ServerAddress, req, resp any) error {
			return n.RequestVote(target, to, req.(*raft.RequestVoteRequest), resp.(*raft.RequestVoteResponse))
		}, &raft.RequestVoteRequest{RPCHeader: header, Term: 5, Candidate: []byte("c"), LastLogIndex: 7, LastLogTerm: 4, LeadershipTransfer: true}, //nolint:staticcheck // deprecated, and still sent
			&raft.RequestVoteResponse{RPCHeader: header, Term: 5, Peers: []byte("p"), Granted: true}},
		{
			"RequestPreVote", func(n *network, to raft.ServerAddress, req, resp any) error {
				return n.RequestPreVote(target, to, req.(*raft.RequestPreVoteRequest), resp.(*raft.RequestPreVoteResponse))
			}, &raft.RequestPreVoteRequest{RPCHeader: header, Term: 5, LastLogIndex: 7, LastLogTerm: 4},
			&raft.RequestPreVoteResponse{RPCHeader: header, Term: 5, Granted: true},
		},
		{"TimeoutNow", func(n *network, to raft.ServerAddress, req, resp any) error {
			return n.TimeoutNow(target, to, req.(*raft.TimeoutNowRequest), resp.(*raft.TimeoutNowResponse))
		}, &raft.TimeoutNowRequest{RPCHeader: header}, &raft.TimeoutNowResponse{RPCHeader: header}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, b := open(t, transport.Config{ID: "a", ClusterID: "c"}), open(t, transport.Config{ID: "b", ClusterID: "c"})
			got := make(chan any, 2)
			serve(t, b, func(rpc raft.RPC) {
				got <- rpc.Command
				rpc.Respond(tt.reply, nil)
			})
			for range 2 { // a new connection, then a pooled one
				resp := reflect.New(reflect.TypeOf(tt.reply).Elem()).Interface()
				if err := tt.call(a, b.LocalAddr(), tt.req, resp); err != nil {
					t.Fatal(err)
				}
				if req := <-got; !reflect.DeepEqual(req, tt.req) {
					t.Errorf("request: got %+v, want %+v", req, tt.req)
				}
				if !reflect.DeepEqual(resp, tt.reply) {
					t.Errorf("response: got %+v, want %+v", resp, tt.reply)
				}
			}
		})
	}
}

func TestErrorOfPeerArrives(t *testing.T) {
	a, b := open(t, transport.Config{ID: "a"}), open(t, transport.Config{ID: "b"})
	serve(t, b, func(rpc raft.RPC) { rpc.Respond(&raft.RequestVoteResponse{}, errors.New("not today")) })
	if err := vote(a, b.LocalAddr()); err == nil || err.Error() != "not today" {
		t.Errorf("got %v, want not today", err)
	}
}

func TestSilentHandlerMeetsTimeout(t *testing.T) {
	a, b := open(t, transport.Config{ID: "a", Arg: "timeout=100ms"}), open(t, transport.Config{ID: "b"})
	if err := vote(a, b.LocalAddr()); err == nil {
		t.Error("a peer that never answers did not become an error")
	}
}

func TestPipeline(t *testing.T) {
	for _, inflight := range []string{"inflight=2", "inflight=64"} {
		t.Run(inflight, func(t *testing.T) {
			a, b := open(t, transport.Config{ID: "a", Arg: inflight}), open(t, transport.Config{ID: "b"})
			serve(t, b, func(rpc raft.RPC) {
				rpc.Respond(&raft.AppendEntriesResponse{LastLog: rpc.Command.(*raft.AppendEntriesRequest).PrevLogEntry, Success: true}, nil)
			})
			p, err := a.AppendEntriesPipeline("b", b.LocalAddr())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = p.Close() }()
			const requests = 100
			go func() {
				for i := range uint64(requests) {
					req := someEntries()
					req.PrevLogEntry = i
					if _, err := p.AppendEntries(req, new(raft.AppendEntriesResponse)); err != nil {
						t.Errorf("request %d: %v", i, err)
						return
					}
				}
			}()
			for i := range uint64(requests) {
				f := <-p.Consumer()
				if err := f.Error(); err != nil {
					t.Fatal(err)
				}
				if f.Request().PrevLogEntry != i || f.Response().LastLog != i {
					t.Fatalf("answer %d is to request %d and says %d", i, f.Request().PrevLogEntry, f.Response().LastLog)
				}
			}
		})
	}
}

func TestNoPipelineWithOneInFlight(t *testing.T) {
	a, b := open(t, transport.Config{ID: "a", Arg: "inflight=1"}), open(t, transport.Config{ID: "b"})
	// raft compares without unwrapping.
	if _, err := a.AppendEntriesPipeline("b", b.LocalAddr()); err != raft.ErrPipelineReplicationNotSupported { //nolint:errorlint // as raft does
		t.Errorf("got %v, want %v", err, raft.ErrPipelineReplicationNotSupported)
	}
}

func TestInstallSnapshot(t *testing.T) {
	for name, size := range map[string]int{"0 B": 0, "1 B": 1, "5 MiB": 5 << 20} {
		t.Run(name, func(t *testing.T) {
			a, b := open(t, transport.Config{ID: "a"}), open(t, transport.Config{ID: "b"})
			var got []byte
			serve(t, b, func(rpc raft.RPC) {
				var err error
				got, err = io.ReadAll(rpc.Reader)
				rpc.Respond(&raft.InstallSnapshotResponse{RPCHeader: header, Term: 3, Success: true}, err)
			})
			want := bytes.Repeat([]byte("snapshot"), size/8+1)[:size]
			req := &raft.InstallSnapshotRequest{RPCHeader: header, Term: 3, LastLogIndex: 9, Size: int64(size)}
			// More than Size in the reader stays there.
			data := io.MultiReader(iotest.HalfReader(bytes.NewReader(want)), strings.NewReader("not of it"))
			var resp raft.InstallSnapshotResponse
			if err := a.InstallSnapshot("b", b.LocalAddr(), req, &resp, data); err != nil {
				t.Fatal(err)
			}
			if !resp.Success || resp.Term != 3 {
				t.Errorf("response: got %+v", resp)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("the peer got %d bytes, want %d, or others", len(got), len(want))
			}
			if rest, _ := io.ReadAll(data); string(rest) != "not of it" {
				t.Errorf("left in the reader: %q, want what follows the snapshot", rest)
			}
		})
	}
}

func TestInstallSnapshotCutShort(t *testing.T) {
	broken := errors.New("disk gone")
	tests := []struct {
		name string
		data io.Reader
		want error
	}{
		{"ends early", strings.NewReader("half"), io.ErrUnexpectedEOF},
		{"fails midway", io.MultiReader(strings.NewReader("half"), iotest.ErrReader(broken)), broken},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, b := open(t, transport.Config{ID: "a"}), open(t, transport.Config{ID: "b"})
			received := make(chan error, 1)
			serve(t, b, func(rpc raft.RPC) {
				n, err := io.Copy(io.Discard, rpc.Reader)
				if err == nil && n == 8 {
					err = errors.New("the whole snapshot came")
				}
				received <- err
				rpc.Respond(&raft.InstallSnapshotResponse{}, nil)
			})
			req := &raft.InstallSnapshotRequest{Size: 8}
			err := a.InstallSnapshot("b", b.LocalAddr(), req, new(raft.InstallSnapshotResponse), tt.data)
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if err := <-received; err != nil {
				t.Errorf("receiver: %v", err)
			}
		})
	}
}

func TestHeartbeatPassesSlowAppendEntries(t *testing.T) {
	a, b := open(t, transport.Config{ID: "a"}), open(t, transport.Config{ID: "b"})
	b.SetHeartbeatHandler(func(rpc raft.RPC) { rpc.Respond(&raft.AppendEntriesResponse{Term: 77, Success: true}, nil) })
	pending, release := make(chan struct{}), make(chan struct{})
	serve(t, b, func(rpc raft.RPC) {
		close(pending)
		<-release
		rpc.Respond(&raft.AppendEntriesResponse{Term: 4, Success: true}, nil)
	})
	slow := make(chan error, 1)
	go func() { slow <- a.AppendEntries("b", b.LocalAddr(), someEntries(), new(raft.AppendEntriesResponse)) }()
	<-pending
	var resp raft.AppendEntriesResponse
	if err := a.AppendEntries("b", b.LocalAddr(), &raft.AppendEntriesRequest{RPCHeader: header, Term: 4, Leader: []byte("a:1")}, &resp); err != nil { //nolint:staticcheck // deprecated, and still sent
		t.Fatal(err)
	}
	if resp.Term != 77 {
		t.Errorf("the heartbeat was answered with term %d, not by its handler", resp.Term)
	}
	close(release)
	if err := <-slow; err != nil {
		t.Error(err)
	}
}
