package httpapi

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/forkbikash/keyval/core/fsm"
	"github.com/forkbikash/keyval/core/node"
)

func TestServerHasTimeouts(t *testing.T) {
	h := New(newFake("n1"), Options{RequestTimeout: 20 * time.Second})
	s := NewServer(h, h.opts)
	if s.ReadHeaderTimeout <= 0 || s.ReadTimeout <= 0 || s.IdleTimeout <= relayIdleTimeout || s.MaxHeaderBytes < 3*h.opts.Limits.MaxKey {
		t.Errorf("got %+v", s)
	}
	if s.WriteTimeout < s.ReadTimeout+h.opts.RequestTimeout {
		t.Errorf("WriteTimeout %v cuts off a write whose body took ReadTimeout", s.WriteTimeout)
	}
}

// impatience is a timeout that tests wait for, and that a busy machine still reads
// a request's head in.
const impatience = time.Second

// A join, and its forwarding, may take longer than the server's timeouts allow
// others: neither its answer nor its context is cut off.
func TestJoinOutlastsServerTimeouts(t *testing.T) {
	t.Parallel()
	leader := newFake("n1")
	leader.join = func(ctx context.Context, _ node.JoinRequest) (node.JoinResult, error) {
		select {
		case <-time.After(2 * impatience):
			return node.JoinResult{ClusterID: "c1", Role: node.RoleVoter}, nil
		case <-ctx.Done():
			return node.JoinResult{}, ctx.Err()
		}
	}
	impatient := func(n Node) *httptest.Server {
		s := httptest.NewUnstartedServer(nil)
		s.Config = NewServer(New(n, Options{}), Options{})
		s.Config.ReadTimeout, s.Config.WriteTimeout = impatience, impatience
		s.Start()
		t.Cleanup(s.Close)
		return s
	}
	ls := impatient(leader)
	fs := impatient(newFake("n2").follow(at("n1", ls)))
	resp, body := callServer(t, "POST", fs.URL+"/join", `{"id":"n3","addr":"h:1"}`)
	if resp.StatusCode != http.StatusOK {
		t.Errorf("got %d %s", resp.StatusCode, body)
	}
}

func TestSlowBody(t *testing.T) {
	t.Parallel()
	n := newFake("n1")
	s := httptest.NewUnstartedServer(nil)
	s.Config = NewServer(New(n, Options{}), Options{})
	s.Config.ReadTimeout = impatience
	s.Start()
	defer s.Close()
	conn, err := net.Dial("tcp", addr(s))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "POST /key HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{\"a\"")
	answer, _ := io.ReadAll(conn) // to the end: the server closes
	if !strings.HasPrefix(string(answer), "HTTP/1.1 408 ") || !strings.Contains(string(answer), codeRequestTimeout) || n.proposed() != 0 {
		t.Errorf("got %q, %d proposals", answer, n.proposed())
	}
}

// A panic is answered as an error and logged, and the connection serves on.
func TestPanic(t *testing.T) {
	var log bytes.Buffer
	n := newFake("n1")
	n.propose = func(context.Context) (fsm.Result, error) { panic("boom") }
	s := serve(t, n, Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	for range 2 {
		resp, body := callServer(t, "POST", s.URL+"/key", `{"a":"b"}`)
		if p := wantProblem(t, resp.StatusCode, resp.Header, body, 500, codeInternal); p.Outcome != "unknown" {
			t.Errorf("outcome: got %q: the write may have been applied before the panic", p.Outcome)
		}
		if strings.Contains(body, "boom") {
			t.Errorf("the answer tells of the inside: %s", body)
		}
	}
	if resp, _ := callServer(t, "GET", s.URL+"/healthz", ""); resp.StatusCode != http.StatusOK {
		t.Errorf("after it: got %d", resp.StatusCode)
	}
	if !strings.Contains(log.String(), "boom") || !strings.Contains(log.String(), "server_test.go") {
		t.Errorf("the log lacks the cause or the stack: %s", log.String())
	}
}

// brokenWriter panics once the answer has begun.
type brokenWriter struct{ http.ResponseWriter }

func (brokenWriter) Write([]byte) (int, error) { panic("boom") }

func TestPanicWithinAnswer(t *testing.T) {
	defer func() {
		if err, _ := recover().(error); !errors.Is(err, http.ErrAbortHandler) {
			t.Errorf("got %v, want the connection to be cut", err)
		}
	}()
	New(newFake("n1"), Options{}).ServeHTTP(brokenWriter{httptest.NewRecorder()}, httptest.NewRequest(http.MethodGet, "/healthz", nil))
}

// A client that leaves frees what waits for it.
func TestClientLeaves(t *testing.T) {
	n := newFake("n1")
	left := make(chan struct{})
	n.propose = func(ctx context.Context) (fsm.Result, error) {
		defer close(left)
		<-ctx.Done()
		return fsm.Result{}, ctx.Err()
	}
	s := serve(t, n, Options{RequestTimeout: time.Minute})
	conn, err := net.Dial("tcp", addr(s))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(conn, "DELETE /key/a HTTP/1.1\r\nHost: x\r\n\r\n")
	_ = conn.Close()
	select {
	case <-left:
	case <-time.After(10 * time.Second):
		t.Fatal("the proposal still waits")
	}
}
