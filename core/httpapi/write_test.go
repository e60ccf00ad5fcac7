package httpapi

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/forkbikash/keyval/client/api"
	"github.com/forkbikash/keyval/core/fsm"
	"github.com/forkbikash/keyval/core/node"
)

func TestPostKeys(t *testing.T) {
	for _, mediaType := range []string{"application/x-www-form-urlencoded", "application/json", "text/plain", ""} {
		n := newFake("n1")
		r := httptest.NewRequest(http.MethodPost, "/key", strings.NewReader(`{"a":"1","b/../c":"2"}`))
		r.Header.Set("Content-Type", mediaType)
		w := httptest.NewRecorder()
		New(n, Options{}).ServeHTTP(w, r)
		if w.Code != 200 || w.Body.String() != "{\"revision\":1}\n" {
			t.Fatalf("%q: got %d %q", mediaType, w.Code, w.Body)
		}
		for k, v := range map[string]string{api.HeaderRevision: "1", api.HeaderTerm: "7", api.HeaderNode: "n1", "Content-Type": "application/json", "Cache-Control": "no-store"} {
			if got := w.Header().Get(k); got != v {
				t.Errorf("%s: got %q, want %q", k, got, v)
			}
		}
		if n.proposed() != 1 || string(n.keys["a"].Value) != "1" || string(n.keys["b/../c"].Value) != "2" {
			t.Errorf("got %d proposals and %v, want one with both keys", n.proposed(), n.keys)
		}
	}
}

func TestDeleteKey(t *testing.T) {
	n := newFake("n1")
	h := New(n, Options{})
	call(h, "POST", "/key", `{"a":"1"}`)
	for i, want := range []string{`{"revision":2,"deleted":1}`, `{"revision":3,"deleted":0}`} {
		w := call(h, "DELETE", "/key/a", "")
		if w.Code != 200 || w.Body.String() != want+"\n" {
			t.Errorf("delete %d: got %d %q, want %s", i, w.Code, w.Body, want)
		}
	}
	if n.proposed() != 3 {
		t.Errorf("a write and two deletes made %d proposals, want 3", n.proposed())
	}
}

// Whatever is wrong with a request is answered without a proposal.
func TestBadRequests(t *testing.T) {
	long := strings.Repeat("k", 4097)
	for name, c := range map[string]struct {
		method, target, body string
		status               int
		code                 string
	}{
		"malformed JSON":           {"POST", "/key", `{"a":`, 400, codeMalformedJSON},
		"wrong type":               {"POST", "/key", `{"a":1}`, 400, codeInvalidType},
		"empty object":             {"POST", "/key", `{}`, 400, codeEmptyObject},
		"empty key in the body":    {"POST", "/key", `{"":"a"}`, 400, codeEmptyKey},
		"key over the limit":       {"POST", "/key", `{"` + long + `":"a"}`, 413, codeKeyTooLong},
		"value over the limit":     {"POST", "/key", `{"a":"` + strings.Repeat("v", 1<<20+1) + `"}`, 413, codeValueTooLarge},
		"body over the limit":      {"POST", "/key", `{"a":"` + strings.Repeat("v", 4<<20) + `"}`, 413, codeBodyTooLarge},
		"get, key over the limit":  {"GET", "/key/" + long, "", 413, codeKeyTooLong},
		"delete, key over limit":   {"DELETE", "/key/" + long, "", 413, codeKeyTooLong},
		"get of no key":            {"GET", "/key/", "", 400, codeEmptyKey},
		"get of no key, no slash":  {"GET", "/key", "", 400, codeEmptyKey},
		"delete of no key":         {"DELETE", "/key/", "", 400, codeEmptyKey},
		"delete of no key, either": {"DELETE", "/key", "", 400, codeEmptyKey},
		"write parameter":          {"POST", "/key?lease=1", `{"a":"b"}`, 400, codeUnsupportedParameter},
		"delete parameter":         {"DELETE", "/key/a?rev=1", "", 400, codeUnsupportedParameter},
		"delete with consistency":  {"DELETE", "/key/a?consistency=stale", "", 400, codeUnsupportedParameter},
		"linearizable":             {"GET", "/key/a?consistency=linearizable", "", 400, codeUnsupportedConsistency},
		"empty level":              {"GET", "/key/a?consistency=", "", 400, codeUnsupportedConsistency},
		"two levels":               {"GET", "/key/a?consistency=stale&consistency=strong", "", 400, codeUnsupportedConsistency},
		"level in disguise":        {"GET", "/key/a?consisten%63y=strong", "", 400, codeUnsupportedConsistency},
		"min_revision":             {"GET", "/key/a?min_revision=3", "", 400, codeUnsupportedParameter},
		"unknown parameter":        {"GET", "/key/a?consistency=stale&x", "", 400, codeUnsupportedParameter},
		"unreadable query":         {"GET", "/key/a?x=%zz", "", 400, codeInvalidParameter},
		"semicolon in the query":   {"GET", "/key/a?consistency=stale;x=1", "", 400, codeInvalidParameter},
		"status parameter":         {"GET", "/status?x=1", "", 400, codeUnsupportedParameter},
		"unknown path":             {"GET", "/keys", "", 404, codeNotFound},
		"root":                     {"GET", "/", "", 404, codeNotFound},
		"path below status":        {"GET", "/status/", "", 404, codeNotFound},
		"member without an id":     {"DELETE", "/cluster/", "", 404, codeNotFound},
		"case":                     {"GET", "/KEY/a", "", 404, codeNotFound},
		"unknown method":           {"BREW", "/key/a", "", 405, codeMethodNotAllowed},
		"put of no key":            {"PUT", "/key", "", 405, codeMethodNotAllowed},
		"post to a key":            {"POST", "/key/a", `{"a":"b"}`, 405, codeMethodNotAllowed},
		"delete of the status":     {"DELETE", "/status", "", 405, codeMethodNotAllowed},
		"get of join":              {"GET", "/join", "", 405, codeMethodNotAllowed},
		"get of a member":          {"GET", "/cluster/n1", "", 405, codeMethodNotAllowed},
	} {
		t.Run(name, func(t *testing.T) {
			n := newFake("n1")
			w := call(New(n, Options{}), c.method, c.target, c.body)
			p := wantProblem(t, w.Code, w.Header(), w.Body.String(), c.status, c.code)
			if n.proposed() != 0 {
				t.Errorf("it was proposed: %v", n.proposals)
			}
			if c.status == 405 && w.Header().Get("Allow") == "" {
				t.Error("405 without Allow")
			}
			if len(p.Detail) > 400 {
				t.Errorf("the detail has %d bytes", len(p.Detail))
			}
		})
	}
}

func TestOptionsAndAllow(t *testing.T) {
	h := New(newFake("n1"), Options{})
	for path, allow := range map[string]string{"/key": "POST", "/key/a": "GET, HEAD, DELETE", "/status": "GET, HEAD", "/join": "POST", "/cluster/n2": "DELETE"} {
		w := call(h, "OPTIONS", path, "")
		if w.Code != 204 || w.Header().Get("Allow") != allow {
			t.Errorf("OPTIONS %s: got %d, Allow %q, want 204, %q", path, w.Code, w.Header().Get("Allow"), allow)
		}
		if w := call(h, "PATCH", path, ""); w.Code != 405 || w.Header().Get("Allow") != allow {
			t.Errorf("PATCH %s: got %d, Allow %q, want 405, %q", path, w.Code, w.Header().Get("Allow"), allow)
		}
	}
}

// A header that asks for more than this version does is refused on writes, and
// harmless on reads.
func TestUnsupportedHeaders(t *testing.T) {
	for _, name := range []string{"Idempotency-Key", "If-Match", "If-None-Match", "Content-Encoding"} {
		for method, target := range map[string]string{"POST": "/key", "DELETE": "/key/a", "GET": "/healthz"} {
			n := newFake("n1")
			r := httptest.NewRequest(method, target, strings.NewReader(`{"a":"b"}`))
			r.Header.Set(name, "x")
			w := httptest.NewRecorder()
			New(n, Options{}).ServeHTTP(w, r)
			if method == "GET" {
				if w.Code != 200 {
					t.Errorf("GET with %s: got %d, want 200", name, w.Code)
				}
				continue
			}
			wantProblem(t, w.Code, w.Header(), w.Body.String(), 400, codeUnsupportedHeader)
			if n.proposed() != 0 {
				t.Errorf("%s with %s was proposed", method, name)
			}
		}
	}
}

// Keys come from the request line as it was sent.
func TestKeysInPaths(t *testing.T) {
	n := newFake("n1")
	s := serve(t, n, Options{})
	for path, key := range map[string]string{
		"/key/a%2Fb":         "a/b",
		"/key/a/b":           "a/b",
		"/key/..":            "..",
		"/key/.":             ".",
		"/key/../status":     "../status",
		"/key/a/../../b":     "a/../../b",
		"/key//x":            "/x",
		"/key//":             "/",
		"/key/a//b/":         "a//b/",
		"/key/%2F":           "/",
		"/key/%2e%2e/x":      "../x",
		"/key/%FF":           "\xff",
		"/key/%00":           "\x00",
		"/key/%25":           "%",
		"/key/%252F":         "%2F",
		"/key/a%2Fb%7B{":     "a/b{{",
		"/key/a+b":           "a+b",
		"/key/%3Fx%23":       "?x#",
		"/key/\xc3\xa9":      "é",
		"/key/key/status":    "key/status",
		"/key/http://h/x":    "http://h/x",
		"/key/a;b=c,d:e@f&g": "a;b=c,d:e@f&g",
	} {
		n.mu.Lock()
		n.keys = map[string]node.Read{key: {Value: []byte("v"), Found: true}}
		n.mu.Unlock()
		for _, method := range []string{"GET", "DELETE"} {
			resp, body := raw(t, addr(s), method, path)
			if resp.StatusCode != http.StatusOK || method == "DELETE" && !strings.Contains(body, `"deleted":1`) {
				t.Errorf("%s %q: got %d %s, want the key %q", method, path, resp.StatusCode, body, key)
			}
		}
	}
	if resp, _ := raw(t, addr(s), "GET", "/x/../key/a"); resp.StatusCode != http.StatusNotFound {
		t.Errorf("a path that would be /key/a if it were cleaned: got %d, want 404", resp.StatusCode)
	}
}

// raw sends a request line as it is: clients in Go would clean or escape it.
func raw(t *testing.T, addr, method, path string) (*http.Response, string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", method, path); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	return resp, string(body)
}

// Every error of a node has its answer, and only those that leave the write's
// fate open say so.
func TestWriteErrors(t *testing.T) {
	for name, c := range map[string]struct {
		result  fsm.Result
		err     error
		status  int
		code    string
		unknown bool
	}{
		"no leader":          {err: node.ErrNoLeader, status: 503, code: codeNoLeader},
		"no leader, why":     {err: fmt.Errorf("%w: it moves", node.ErrNoLeader), status: 503, code: codeNoLeader},
		"busy":               {err: node.ErrBusy, status: 503, code: codeBusy},
		"closed":             {err: node.ErrClosed, status: 503, code: codeShuttingDown},
		"unknown":            {err: node.ErrUnknownOutcome, status: 504, code: codeOutcomeUnknown, unknown: true},
		"unknown, closed":    {err: fmt.Errorf("%w: %w", node.ErrUnknownOutcome, node.ErrClosed), status: 504, code: codeOutcomeUnknown, unknown: true},
		"unknown, no leader": {err: errors.Join(node.ErrNoLeader, node.ErrUnknownOutcome), status: 504, code: codeOutcomeUnknown, unknown: true},
		"unknown, not leader": {
			err:    errors.Join(&node.NotLeaderError{Leader: node.Peer{ID: "n2"}}, node.ErrUnknownOutcome),
			status: 504, code: codeOutcomeUnknown, unknown: true,
		},
		"deadline":         {err: context.DeadlineExceeded, status: 504, code: codeOutcomeUnknown, unknown: true},
		"canceled":         {err: context.Canceled, status: 504, code: codeOutcomeUnknown, unknown: true},
		"leadership moved": {err: &node.NotLeaderError{Leader: node.Peer{ID: "n2"}}, status: 503, code: codeLeaderAddressUnknown},
		"not foreseen":     {err: errors.New("surprise"), status: 500, code: codeInternal, unknown: true},
		"refused":          {result: fsm.Result{Revision: 4, Err: errors.New("no")}, status: 422, code: codeRefused},
		"refused, empty":   {result: fsm.Result{Err: fsm.ErrEmptyKey}, status: 400, code: codeEmptyKey},
		"refused, large":   {result: fsm.Result{Err: fmt.Errorf("%w: k", fsm.ErrTooLarge)}, status: 413, code: codeValueTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			n := newFake("n1")
			n.propose = func(context.Context) (fsm.Result, error) { return c.result, c.err }
			w := call(New(n, Options{}), "POST", "/key", `{"a":"b"}`)
			p := wantProblem(t, w.Code, w.Header(), w.Body.String(), c.status, c.code)
			if (p.Outcome == "unknown") != c.unknown {
				t.Errorf("outcome: got %q, unknown is %v", p.Outcome, c.unknown)
			}
			if retry := w.Header().Get("Retry-After"); (retry == "1") != (c.status == 503) {
				t.Errorf("Retry-After: got %q with status %d", retry, c.status)
			}
			if n.proposed() != 1 {
				t.Errorf("got %d proposals, want 1", n.proposed())
			}
		})
	}
}

func TestWriteTimeout(t *testing.T) {
	n := newFake("n1")
	n.propose = func(ctx context.Context) (fsm.Result, error) {
		<-ctx.Done()
		return fsm.Result{}, fmt.Errorf("%w: %w", node.ErrUnknownOutcome, ctx.Err())
	}
	w := call(New(n, Options{RequestTimeout: 10 * time.Millisecond}), "DELETE", "/key/a", "")
	if p := wantProblem(t, w.Code, w.Header(), w.Body.String(), 504, codeOutcomeUnknown); p.Outcome != "unknown" {
		t.Errorf("outcome: got %q", p.Outcome)
	}
}

// A body without a length is cut off at the limit too, and the client gets to
// read why.
func TestBodyLimitOfStreams(t *testing.T) {
	n := newFake("n1")
	s := serve(t, n, Options{Limits: Limits{MaxBody: 1000}})
	post := func() (*http.Response, error) {
		return http.Post(s.URL+"/key", "", io.MultiReader(strings.NewReader(`{"a":"`), strings.NewReader(strings.Repeat("v", 1<<20))))
	}
	resp, err := post()
	// net/http closes the connection half a second after it refused what it did not
	// read; whoever is still writing then, on a busy machine, may see only that.
	for range 20 {
		if err == nil {
			break
		}
		resp, err = post()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	body, _ := io.ReadAll(resp.Body)
	p := wantProblem(t, resp.StatusCode, resp.Header, string(body), 413, codeBodyTooLarge)
	if !strings.Contains(p.Detail, "1000") {
		t.Errorf("the limit is not named: %s", p.Detail)
	}
}

func TestUnreadableBody(t *testing.T) {
	n := newFake("n1")
	s := serve(t, n, Options{})
	for name, sent := range map[string]string{
		"bad chunk":   "POST /key HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"ends early":  "POST /key HTTP/1.1\r\nHost: x\r\nContent-Length: 13\r\n\r\n{\"a\":\"b\"}",
		"large claim": "POST /key HTTP/1.1\r\nHost: x\r\nContent-Length: 4194305\r\n\r\n",
	} {
		conn, err := net.Dial("tcp", addr(s))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, sent); err != nil {
			t.Fatal(err)
		}
		_ = conn.(*net.TCPConn).CloseWrite()
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var p api.Problem
		if err := json.NewDecoder(resp.Body).Decode(&p); err != nil || p.Status != resp.StatusCode || p.Status != 400 && p.Status != 413 {
			t.Errorf("%s: got %d, problem %+v, %v", name, resp.StatusCode, p, err)
		}
		_ = conn.Close()
	}
	if n.proposed() != 0 {
		t.Errorf("got %d proposals, want none", n.proposed())
	}
}
