package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/forkbikash/keyval/client/api"
	"github.com/forkbikash/keyval/core/command/commandpb"
	"github.com/forkbikash/keyval/core/fsm"
	"github.com/forkbikash/keyval/core/node"
)

// fakeNode is a node of a map. Its hooks, when set, stand in for its calls.
type fakeNode struct {
	id string

	mu        sync.Mutex
	leader    *node.Peer // nil: unknown
	keys      map[string]node.Read
	revision  uint64
	proposals []*commandpb.Command
	joins     []node.JoinRequest
	removals  []string

	propose func(ctx context.Context) (fsm.Result, error)
	join    func(ctx context.Context, r node.JoinRequest) (node.JoinResult, error)
	remove  func(id string, force bool) error
	checks  []node.Check
	members []node.Member
	behind  bool // has not caught up
}

func newFake(id string) *fakeNode {
	return &fakeNode{id: id, keys: map[string]node.Read{}, leader: &node.Peer{ID: id, RaftAddr: id + ":12000", HTTPAddr: id + ":11000"}}
}

func (f *fakeNode) follow(leader *node.Peer) *fakeNode {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.leader = leader
	return f
}

func (f *fakeNode) ID() string   { return f.id }
func (f *fakeNode) Term() uint64 { return 7 }

func (f *fakeNode) Leader() (node.Peer, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.leader == nil {
		return node.Peer{}, false
	}
	return *f.leader, true
}

func (f *fakeNode) CaughtUp() bool { return !f.behind }

func (f *fakeNode) Get(key []byte) node.Read {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.keys[string(key)]
	r.Revision, r.Term = f.revision, 7
	return r
}

func (f *fakeNode) Propose(ctx context.Context, c *commandpb.Command) (fsm.Result, error) {
	f.mu.Lock()
	f.proposals = append(f.proposals, c)
	hook := f.propose
	f.mu.Unlock()
	if hook != nil {
		return hook(ctx)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	result := fsm.Result{Revision: f.revision + 1}
	for _, m := range c.GetWrite().GetMutations() {
		key := string(m.GetKey())
		if _, ok := m.GetAction().(*commandpb.Mutation_Put); ok {
			f.keys[key] = node.Read{Value: bytes.Clone(m.GetPut()), Found: true, ModRevision: result.Revision}
		} else if _, found := f.keys[key]; found {
			delete(f.keys, key)
			result.Deleted++
		}
	}
	f.revision++
	return result, nil
}

func (f *fakeNode) proposed() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.proposals)
}

func (f *fakeNode) Status() node.Status {
	s := node.Status{
		Self: node.Peer{ID: f.id, RaftAddr: "r", HTTPAddr: "h"}, State: "follower", Term: 7, Revision: 3,
		Checksum: 0xabc, ClusterID: "c1", LogStore: "bolt", Transport: "tcp", CommandVersion: 1, MinVersion: 1,
	}
	if leader, ok := f.Leader(); ok {
		s.Leader = &leader
	}
	return s
}

func (f *fakeNode) Cluster() node.Cluster {
	leader, _ := f.Leader()
	return node.Cluster{ClusterID: "c1", Term: 7, Leader: leader.ID, Members: f.members}
}

func (f *fakeNode) Ready() []node.Check { return f.checks }

func (f *fakeNode) Join(ctx context.Context, r node.JoinRequest) (node.JoinResult, error) {
	f.mu.Lock()
	f.joins = append(f.joins, r)
	f.mu.Unlock()
	if f.join != nil {
		return f.join(ctx, r)
	}
	if r.Announce {
		return node.JoinResult{ClusterID: "c1", Role: node.RoleNonvoter}, nil
	}
	return node.JoinResult{ClusterID: "c1", Role: node.RoleVoter}, nil
}

func (f *fakeNode) Remove(_ context.Context, id string, force bool) error {
	f.mu.Lock()
	f.removals = append(f.removals, id)
	f.mu.Unlock()
	if f.remove != nil {
		return f.remove(id, force)
	}
	return nil
}

// serve runs a handler of n on a real server, as NewServer sets it up.
func serve(t *testing.T, n Node, o Options) *httptest.Server {
	t.Helper()
	h := New(n, o)
	s := httptest.NewUnstartedServer(nil)
	s.Config = NewServer(h, h.opts)
	s.Start()
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
		h.Close()
	})
	return s
}

func addr(s *httptest.Server) string { return strings.TrimPrefix(s.URL, "http://") }

// at is s as the leader that others see.
func at(id string, s *httptest.Server) *node.Peer {
	return &node.Peer{ID: id, RaftAddr: id + ":12000", HTTPAddr: addr(s)}
}

// call is one request to h without a network.
func call(h http.Handler, method, target, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// callServer is one request to a server; redirects are not followed.
func callServer(t *testing.T, method, url, body string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	answered, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(answered)
}

// wantProblem checks an error answer and returns it.
func wantProblem(t *testing.T, status int, header http.Header, body string, wantStatus int, wantCode string) api.Problem {
	t.Helper()
	var p api.Problem
	if err := json.Unmarshal([]byte(body), &p); err != nil {
		t.Fatalf("status %d: the body is no problem: %q", status, body)
	}
	if status != wantStatus || p.Status != wantStatus || p.Code != wantCode {
		t.Errorf("got %d, problem %d %s (%s), want %d %s", status, p.Status, p.Code, p.Detail, wantStatus, wantCode)
	}
	if got := header.Get("Content-Type"); got != api.ProblemType {
		t.Errorf("Content-Type: got %q, want %q", got, api.ProblemType)
	}
	if p.Detail == "" || p.Title == "" || p.Type == "" || !strings.HasSuffix(body, "}\n") {
		t.Errorf("the problem lacks detail, title, type or a newline: %q", body)
	}
	return p
}
