package httpapi

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/forkbikash/keyval/client/api"
	"github.com/forkbikash/keyval/core/fsm"
	"github.com/forkbikash/keyval/core/node"
)

// pair is a follower n2 and its leader n1, each on a server.
func pair(t *testing.T, mode Forward) (leader, follower *fakeNode, leaderURL, followerURL string) {
	t.Helper()
	leader, follower = newFake("n1"), newFake("n2")
	ls := serve(t, leader, Options{})
	fs := serve(t, follower.follow(at("n1", ls)), Options{Forward: mode})
	return leader, follower, ls.URL, fs.URL
}

func TestParseForward(t *testing.T) {
	for _, f := range []Forward{Proxy, Redirect, Reject} {
		if got, err := ParseForward(f.String()); err != nil || got != f {
			t.Errorf("%v: got %v, %v", f, got, err)
		}
	}
	if _, err := ParseForward("relay"); err == nil {
		t.Error("relay was taken")
	}
}

func TestProxy(t *testing.T) {
	leader, follower, _, url := pair(t, Proxy)
	resp, body := callServer(t, "POST", url+"/key", `{"a":"1","b":"2"}`)
	if resp.StatusCode != http.StatusOK || body != "{\"revision\":1}\n" {
		t.Fatalf("write: got %d %q", resp.StatusCode, body)
	}
	for k, v := range map[string]string{api.HeaderNode: "n1", api.HeaderRevision: "1", api.HeaderTerm: "7", "Content-Type": "application/json", "Cache-Control": "no-store"} {
		if got := resp.Header.Values(k); len(got) != 1 || got[0] != v {
			t.Errorf("%s: got %q, want %q", k, got, v)
		}
	}
	leader.keys["x/../y\xff"] = node.Read{Found: true}
	if resp, body = callServer(t, "DELETE", url+"/key/x%2F../y%FF", ""); resp.StatusCode != http.StatusOK || body != "{\"revision\":2,\"deleted\":1}\n" {
		t.Errorf("delete: got %d %q", resp.StatusCode, body)
	}
	if leader.proposed() != 2 || follower.proposed() != 0 {
		t.Errorf("got %d proposals at the leader and %d at the follower, want 2 and 0", leader.proposed(), follower.proposed())
	}
}

// A follower refuses by itself what the leader would refuse.
func TestProxyValidatesFirst(t *testing.T) {
	_, _, _, url := pair(t, Proxy)
	resp, body := callServer(t, "POST", url+"/key", `{"a":1}`)
	wantProblem(t, resp.StatusCode, resp.Header, body, 400, codeInvalidType)
	if got := resp.Header.Get(api.HeaderNode); got != "n2" {
		t.Errorf("answered by %s, want n2", got)
	}
}

// The leader's errors come through as they are.
func TestProxyPassesProblems(t *testing.T) {
	leader, _, _, url := pair(t, Proxy)
	leader.propose = func(context.Context) (fsm.Result, error) { return fsm.Result{}, node.ErrNoLeader }
	resp, body := callServer(t, "DELETE", url+"/key/a", "")
	wantProblem(t, resp.StatusCode, resp.Header, body, 503, codeNoLeader)
	if resp.Header.Get("Retry-After") != "1" || resp.Header.Get(api.HeaderNode) != "n1" {
		t.Errorf("headers: %v", resp.Header)
	}
}

func TestRedirect(t *testing.T) {
	leader, follower, leaderURL, url := pair(t, Redirect)
	resp, body := callServer(t, "DELETE", url+"/key/a%2Fb//..", "")
	p := wantProblem(t, resp.StatusCode, resp.Header, body, 307, codeNotLeader)
	if got, want := resp.Header.Get("Location"), leaderURL+"/key/a%2Fb//.."; got != want {
		t.Errorf("Location: got %s, want %s", got, want)
	}
	if p.Leader == nil || p.Leader.ID != "n1" {
		t.Errorf("leader: got %+v, want n1", p.Leader)
	}
	// A client that follows gets its write done.
	followed, err := http.Post(url+"/key", "", strings.NewReader(`{"a":"b"}`))
	if err != nil || followed.StatusCode != http.StatusOK {
		t.Fatalf("followed: got %v, %v", followed, err)
	}
	_ = followed.Body.Close()
	if leader.proposed() != 1 || follower.proposed() != 0 {
		t.Errorf("got %d and %d proposals, want 1 and 0", leader.proposed(), follower.proposed())
	}
}

func TestReject(t *testing.T) {
	_, follower, leaderURL, url := pair(t, Reject)
	for _, method := range []string{"POST /key", "DELETE /key/a"} {
		method, path, _ := strings.Cut(method, " ")
		resp, body := callServer(t, method, url+path, `{"a":"b"}`)
		p := wantProblem(t, resp.StatusCode, resp.Header, body, 421, codeNotLeader)
		if p.Leader == nil || p.Leader.ID != "n1" || "http://"+p.Leader.HTTPAddr != leaderURL {
			t.Errorf("leader: got %+v, want n1 at %s", p.Leader, leaderURL)
		}
	}
	if follower.proposed() != 0 {
		t.Error("it was proposed")
	}
}

func TestNoLeader(t *testing.T) {
	for _, mode := range []Forward{Proxy, Redirect, Reject} {
		h := New(newFake("n2").follow(nil), Options{Forward: mode})
		for _, c := range [][3]string{{"POST", "/key", `{"a":"b"}`}, {"DELETE", "/key/a", ""}, {"POST", "/join", `{"id":"n3","addr":"h:1"}`}, {"DELETE", "/cluster/n3", ""}} {
			w := call(h, c[0], c[1], c[2])
			wantProblem(t, w.Code, w.Header(), w.Body.String(), 503, codeNoLeader)
			if w.Header().Get("Retry-After") != "1" {
				t.Errorf("%v: no Retry-After", c)
			}
		}
	}
}

func TestLeaderAddressUnknown(t *testing.T) {
	for mode, status := range map[Forward]int{Proxy: 503, Redirect: 503, Reject: 421} {
		h := New(newFake("n2").follow(&node.Peer{ID: "n1"}), Options{Forward: mode})
		w := call(h, "DELETE", "/key/a", "")
		if w.Code != status {
			t.Errorf("%v: got %d, want %d", mode, w.Code, status)
		}
	}
}

// Two followers that take each other for the leader pass a request on once.
func TestOneHop(t *testing.T) {
	for _, mode := range []Forward{Proxy, Redirect, Reject} {
		a, b := newFake("a"), newFake("b")
		as := serve(t, a, Options{})
		bs := serve(t, b, Options{Forward: mode})
		a.follow(at("b", bs))
		b.follow(at("a", as))
		for _, c := range [][3]string{{"POST", "/key", `{"a":"b"}`}, {"DELETE", "/key/a", ""}, {"POST", "/join", `{"id":"n3","addr":"h:1"}`}, {"DELETE", "/cluster/n3", ""}} {
			resp, body := callServer(t, c[0], as.URL+c[1], c[2])
			wantProblem(t, resp.StatusCode, resp.Header, body, 503, codeNotLeader)
			if got := resp.Header.Get(api.HeaderNode); got != "b" {
				t.Errorf("%v answered by %s, want b", c, got)
			}
		}
		if a.proposed()+b.proposed()+len(a.joins)+len(b.joins) != 0 {
			t.Error("something was proposed")
		}
	}
}

// Leadership that moves between the check and the proposal costs one hop, not
// an error.
func TestLeadershipMovesMeanwhile(t *testing.T) {
	leader, follower := newFake("n1"), newFake("n2") // n2 still takes itself for the leader
	ls := serve(t, leader, Options{})
	follower.propose = func(context.Context) (fsm.Result, error) {
		return fsm.Result{}, &node.NotLeaderError{Leader: *at("n1", ls)}
	}
	for mode, status := range map[Forward]int{Proxy: 200, Redirect: 307, Reject: 421} {
		fs := serve(t, follower, Options{Forward: mode})
		if resp, body := callServer(t, "POST", fs.URL+"/key", `{"a":"b"}`); resp.StatusCode != status {
			t.Errorf("%v: got %d %s, want %d", mode, resp.StatusCode, body, status)
		}
	}
	if leader.proposed() != 1 {
		t.Errorf("got %d proposals, want 1", leader.proposed())
	}
}

func TestLeaderUnreachable(t *testing.T) {
	gone := httptest.NewServer(nil)
	peer := at("n1", gone)
	gone.Close()
	fs := serve(t, newFake("n2").follow(peer), Options{})
	for _, method := range []string{"POST /key", "DELETE /key/a"} {
		method, path, _ := strings.Cut(method, " ")
		resp, body := callServer(t, method, fs.URL+path, `{"a":"b"}`)
		p := wantProblem(t, resp.StatusCode, resp.Header, body, 503, codeLeaderUnreachable)
		if p.Outcome != "" || resp.Header.Get("Retry-After") != "1" {
			t.Errorf("got outcome %q, Retry-After %q", p.Outcome, resp.Header.Get("Retry-After"))
		}
	}
}

// A leader whose connections break after it got a request: each write reaches
// it once, on a new connection and on one that was used before, and its fate is
// said to be unknown.
func TestLeaderDiesMidRequest(t *testing.T) {
	for name, die := range map[string]func(net.Conn){
		"closed": func(c net.Conn) { _ = c.Close() },
		"reset":  func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0); _ = c.Close() },
		"half an answer": func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nKeyval-Node: n1\r\nContent-Length: 100\r\n\r\n{")
			_ = c.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			var dying atomic.Bool
			var received atomic.Int64
			ls := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set(api.HeaderNode, "n1")
				if !dying.Load() {
					return
				}
				_, _ = io.Copy(io.Discard, r.Body)
				received.Add(1)
				conn, _, err := http.NewResponseController(w).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				die(conn)
			}))
			defer ls.Close()
			fs := serve(t, newFake("n2").follow(at("n1", ls)), Options{})
			for i, method := range []string{"POST /key", "DELETE /key/a", "POST /key", "DELETE /key/a"} {
				method, path, _ := strings.Cut(method, " ")
				if i < 2 { // leaves a connection to be used again
					dying.Store(false)
					if resp, body := callServer(t, "DELETE", fs.URL+"/key/warm", ""); resp.StatusCode != http.StatusOK {
						t.Fatalf("warming: %d %s", resp.StatusCode, body)
					}
				}
				dying.Store(true)
				received.Store(0)
				resp, body := callServer(t, method, fs.URL+path, `{"a":"b"}`)
				p := wantProblem(t, resp.StatusCode, resp.Header, body, 504, codeOutcomeUnknown)
				if p.Outcome != "unknown" {
					t.Errorf("outcome: got %q", p.Outcome)
				}
				if got := received.Load(); got != 1 {
					t.Errorf("%s %s (%d): the leader got it %d times, want once", method, path, i, got)
				}
			}
		})
	}
}

func TestLeaderIsSilent(t *testing.T) {
	t.Parallel()
	leader := newFake("n1")
	release := make(chan struct{})
	leader.propose = func(context.Context) (fsm.Result, error) { <-release; return fsm.Result{}, nil }
	ls := serve(t, leader, Options{})
	defer close(release)
	fs := serve(t, newFake("n2").follow(at("n1", ls)), Options{RequestTimeout: impatience})
	resp, body := callServer(t, "POST", fs.URL+"/key", `{"a":"b"}`)
	wantProblem(t, resp.StatusCode, resp.Header, body, 504, codeOutcomeUnknown)
}

// Something else at the leader's address is not taken for it, and a redirect is
// not followed.
func TestLeaderIsNotKeyval(t *testing.T) {
	for _, status := range []int{200, 302, 404} {
		other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
		}))
		fs := serve(t, newFake("n2").follow(at("n1", other)), Options{})
		resp, body := callServer(t, "POST", fs.URL+"/key", `{"a":"b"}`)
		if p := wantProblem(t, resp.StatusCode, resp.Header, body, 502, codeBadGateway); p.Outcome != "unknown" {
			t.Errorf("outcome: got %q", p.Outcome)
		}
		other.Close()
	}
}

// Neither the client's headers nor the environment's proxy have a say in how
// the leader is reached.
func TestForwardedRequest(t *testing.T) {
	got := make(chan *http.Request, 1)
	ls := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(api.HeaderNode, "n1")
		got <- r.Clone(context.Background())
	}))
	defer ls.Close()
	h := New(newFake("n2").follow(at("n1", ls)), Options{})
	defer h.Close()
	if h.leader.transport.Proxy != nil {
		t.Error("the transport has a proxy")
	}
	r := httptest.NewRequest(http.MethodPost, "/key", strings.NewReader(`{"a":"b"}`))
	r.Header.Set("X-Idempotency-Key", "1") // would make net/http send again
	r.Header.Set("Cookie", "c=1")
	h.ServeHTTP(httptest.NewRecorder(), r)
	sent := <-got
	if sent.Header.Get("X-Idempotency-Key") != "" || sent.Header.Get("Cookie") != "" || sent.Header.Get(api.HeaderForwardedBy) != "n2" {
		t.Errorf("the leader got %v", sent.Header)
	}
}

// strangerNode is a node of another cluster.
type strangerNode struct{ *fakeNode }

func (s strangerNode) Status() node.Status {
	status := s.fakeNode.Status()
	status.ClusterID = "c2"
	return status
}

// A leader that lost its directory and founded another cluster is still the
// leader to those who have not noticed. It must not take their writes.
func TestProxyToAnotherCluster(t *testing.T) {
	stranger, follower := newFake("n1"), newFake("n2")
	ls := serve(t, strangerNode{stranger}, Options{})
	fs := serve(t, follower.follow(at("n1", ls)), Options{})
	for _, call := range []struct{ method, path, body string }{
		{"POST", "/key", `{"a":"1"}`}, {"DELETE", "/key/a", ""}, {"DELETE", "/cluster/n3", ""}, {"POST", "/join", `{"id":"n3","addr":"n3:12000"}`},
	} {
		resp, body := callServer(t, call.method, fs.URL+call.path, call.body)
		p := wantProblem(t, resp.StatusCode, resp.Header, body, 503, codeNotLeader)
		if p.Outcome != "" || !strings.Contains(p.Detail, "c1") || !strings.Contains(p.Detail, "c2") {
			t.Errorf("%s %s: %+v", call.method, call.path, p)
		}
	}
	if stranger.proposed() != 0 || len(stranger.removals) != 0 || len(stranger.joins) != 0 {
		t.Errorf("it took %d writes, %d removals and %d joins", stranger.proposed(), len(stranger.removals), len(stranger.joins))
	}
	if _, body := callServer(t, "GET", fs.URL+"/cluster", ""); !strings.Contains(body, `"cluster_id":"c1"`) {
		t.Errorf("GET /cluster tells of another cluster: %s", body)
	}
}
