package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/forkbikash/keyval/client/api"
	"github.com/forkbikash/keyval/core/node"
)

func TestStatus(t *testing.T) {
	now := time.Unix(1000, 0)
	h := New(newFake("n1"), Options{Version: "v9", Now: func() time.Time { return now }})
	now = now.Add(90 * time.Second)
	w := call(h, "GET", "/status", "")
	var s api.Status
	if err := json.Unmarshal(w.Body.Bytes(), &s); err != nil || w.Code != 200 {
		t.Fatalf("got %d %s, %v", w.Code, w.Body, err)
	}
	if s.UptimeSeconds != 90 || s.Version != "v9" || s.Checksum != "0000000000000abc" || s.Leader == nil || s.Leader.ID != "n1" || s.Node.State != "follower" {
		t.Errorf("got %+v", s)
	}
	w = call(New(newFake("n1").follow(nil), Options{}), "GET", "/status", "")
	if strings.Contains(w.Body.String(), "shadow") {
		t.Errorf("without a shadow: got %s", w.Body)
	}
	if !strings.Contains(w.Body.String(), `"leader":null`) {
		t.Errorf("without a leader: got %s", w.Body)
	}
}

func TestStatusOfAShadow(t *testing.T) {
	h := New(newFake("n1"), Options{Shadow: func() *api.Shadow { return &api.Shadow{LogStore: "pebble", Differences: 3} }})
	w := call(h, "GET", "/status", "")
	if !strings.Contains(w.Body.String(), `"shadow":{"log_store":"pebble","on":false,"writes":0,"reads":0,"skipped_reads":0,"differences":3,`) {
		t.Errorf("got %s", w.Body)
	}
}

func clusterOf(t *testing.T, body string) api.Cluster {
	t.Helper()
	var c api.Cluster
	if err := json.Unmarshal([]byte(body), &c); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return c
}

func TestCluster(t *testing.T) {
	now := time.Unix(1000, 0)
	n := newFake("n1")
	n.members = []node.Member{
		{Peer: node.Peer{ID: "n1"}, Role: node.RoleLeader, LastContact: now.Add(-time.Second), Incarnation: 1<<63 + 1},
		{Peer: node.Peer{ID: "n2"}, Role: node.RoleVoter, LastContact: now.Add(-40 * time.Millisecond)},
		{Peer: node.Peer{ID: "n3"}, Role: node.RoleNonvoter},
	}
	s := serve(t, n, Options{Now: func() time.Time { return now }})
	_, body := callServer(t, "GET", s.URL+"/cluster", "")
	c := clusterOf(t, body)
	if *c.Members[0].LastContactMS != 0 || *c.Members[1].LastContactMS != 40 || c.Members[2].LastContactMS != nil {
		t.Errorf("last contacts: %s", body)
	}
	if c.Members[0].Incarnation != "8000000000000001" || c.Leader != "n1" || c.ClusterID != "c1" || c.Term != 7 {
		t.Errorf("got %s", body)
	}

	// A follower answers what the leader knows, while it can.
	f := newFake("n2").follow(at("n1", s))
	f.members = []node.Member{{Peer: node.Peer{ID: "n1"}, Role: node.RoleLeader}}
	fs := serve(t, f, Options{})
	resp, body := callServer(t, "GET", fs.URL+"/cluster", "")
	if c := clusterOf(t, body); len(c.Members) != 3 || c.Members[1].LastContactMS == nil || resp.Header.Get(api.HeaderNode) != "n1" {
		t.Errorf("through the follower: %s", body)
	}
	s.CloseClientConnections()
	s.Close()
	resp, body = callServer(t, "GET", fs.URL+"/cluster", "")
	if c := clusterOf(t, body); resp.StatusCode != http.StatusOK || len(c.Members) != 1 || c.Members[0].LastContactMS != nil || resp.Header.Get(api.HeaderNode) != "n2" {
		t.Errorf("without the leader: %d %s", resp.StatusCode, body)
	}
}

func TestJoin(t *testing.T) {
	for _, mode := range []Forward{Proxy, Redirect, Reject} {
		leader, follower, leaderURL, url := pair(t, mode)
		resp, body := callServer(t, "POST", url+"/join", `{"id":"n3","addr":"10.0.0.3:12000","http_addr":"10.0.0.3:11000","cluster_id":"c1","incarnation":"8000000000000001","log_store":"bolt","transport":"tcp","command_version":1}`)
		var got api.JoinResponse
		if err := json.Unmarshal([]byte(body), &got); err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%v: got %d %s", mode, resp.StatusCode, body)
		}
		if got.ID != "n3" || got.ClusterID != "c1" || got.Role != "voter" || got.Leader == nil || got.Leader.ID != "n1" {
			t.Errorf("%v: got %s", mode, body)
		}
		want := node.JoinRequest{
			Peer: node.Peer{ID: "n3", RaftAddr: "10.0.0.3:12000", HTTPAddr: "10.0.0.3:11000"}, ClusterID: "c1",
			Incarnation: 1<<63 + 1, LogStore: "bolt", Transport: "tcp", CommandVersion: 1,
		}
		if len(leader.joins) != 1 || len(follower.joins) != 0 || leader.joins[0] != want {
			t.Errorf("%v: the leader got %+v, the follower %+v", mode, leader.joins, follower.joins)
		}
		if resp, body := callServer(t, "POST", leaderURL+"/join", `{"id":"n3","addr":"h:1","announce":true}`); resp.StatusCode != http.StatusAccepted || !strings.Contains(body, "nonvoter") {
			t.Errorf("announced: got %d %s", resp.StatusCode, body)
		}
	}
}

func TestJoinRefuses(t *testing.T) {
	long := strings.Repeat("x", 257)
	for name, c := range map[string]struct {
		body   string
		status int
		code   string
	}{
		"empty":             {``, 400, codeMalformedJSON},
		"malformed":         {`{"id"`, 400, codeMalformedJSON},
		"trailing":          {`{"id":"a","addr":"b"} {}`, 400, codeMalformedJSON},
		"trailing brace":    {`{"id":"a","addr":"b"}}`, 400, codeMalformedJSON},
		"invalid UTF-8":     {"{\"id\":\"\xff\",\"addr\":\"b\"}", 400, codeMalformedJSON},
		"wrong type":        {`{"id":1,"addr":"b"}`, 400, codeInvalidType},
		"array":             {`[]`, 400, codeInvalidType},
		"version too large": {`{"id":"a","addr":"b","command_version":4294967296}`, 400, codeInvalidType},
		"unknown field":     {`{"id":"a","addr":"b","role":"voter"}`, 400, codeUnknownField},
		"null":              {`null`, 400, string(node.RefusedInvalid)},
		"no id":             {`{"addr":"b"}`, 400, string(node.RefusedInvalid)},
		"no addr":           {`{"id":"a"}`, 400, string(node.RefusedInvalid)},
		"long id":           {`{"id":"` + long + `","addr":"b"}`, 400, string(node.RefusedInvalid)},
		"longer than -id":   {`{"id":"` + long[:129] + `","addr":"b"}`, 400, string(node.RefusedInvalid)},
		"id with a slash":   {`{"id":"a/b","addr":"b"}`, 400, string(node.RefusedInvalid)},
		"id of dots":        {`{"id":"..","addr":"b"}`, 400, string(node.RefusedInvalid)},
		"id with a dash":    {`{"id":"-force","addr":"b"}`, 400, string(node.RefusedInvalid)},
		"id beyond ASCII":   {`{"id":"knoten\u00e4","addr":"b"}`, 400, string(node.RefusedInvalid)},
		"long log store":    {`{"id":"a","addr":"b","log_store":"` + long + `"}`, 400, string(node.RefusedInvalid)},
		"newline in id":     {`{"id":"a\nb","addr":"b"}`, 400, string(node.RefusedInvalid)},
		"space around":      {`{"id":" a","addr":"b"}`, 400, string(node.RefusedInvalid)},
		"http without host": {`{"id":"a","addr":"b","http_addr":":11000"}`, 400, string(node.RefusedInvalid)},
		"http without port": {`{"id":"a","addr":"b","http_addr":"host"}`, 400, string(node.RefusedInvalid)},
		"http port 0":       {`{"id":"a","addr":"b","http_addr":"host:0"}`, 400, string(node.RefusedInvalid)},
		"http with a path":  {`{"id":"a","addr":"b","http_addr":"host/x:80"}`, 400, string(node.RefusedInvalid)},
		"incarnation":       {`{"id":"a","addr":"b","incarnation":"-1"}`, 400, string(node.RefusedInvalid)},
		"too large":         {`{"id":"` + strings.Repeat("x", 5<<20) + `"}`, 413, codeBodyTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			n := newFake("n1")
			w := call(New(n, Options{}), "POST", "/join", c.body)
			wantProblem(t, w.Code, w.Header(), w.Body.String(), c.status, c.code)
			if len(n.joins) != 0 {
				t.Errorf("the node was asked: %+v", n.joins)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	for code, status := range map[node.RefusalCode]int{
		node.RefusedInvalid: 400, node.RefusedIDClash: 409, node.RefusedAddressClash: 409, node.RefusedOtherCluster: 409,
		node.RefusedUnreachable: 422, node.RefusedRemoved: 410, node.RefusedTooOld: 409,
		node.RefusedNotMember: 404, node.RefusedQuorum: 409, node.RefusedLastVoter: 409,
	} {
		n := newFake("n1")
		refusal := fmt.Errorf("asked: %w", &node.Refusal{Code: code, Detail: "because"})
		n.join = func(context.Context, node.JoinRequest) (node.JoinResult, error) { return node.JoinResult{}, refusal }
		n.remove = func(string, bool) error { return refusal }
		h := New(n, Options{})
		for _, w := range []*struct {
			method, path, body string
		}{{"POST", "/join", `{"id":"a","addr":"b"}`}, {"DELETE", "/cluster/a", ""}} {
			got := call(h, w.method, w.path, w.body)
			if p := wantProblem(t, got.Code, got.Header(), got.Body.String(), status, string(code)); p.Detail != "because" {
				t.Errorf("detail: got %q", p.Detail)
			}
		}
	}
}

func TestRemove(t *testing.T) {
	leader, follower, _, url := pair(t, Reject)
	var forced []bool
	leader.remove = func(_ string, force bool) error { forced = append(forced, force); return nil }
	for _, path := range []string{"/cluster/n3", "/cluster/n3?force=true", "/cluster/n3?force=false", "/cluster/10.0.0.3:12000%2Fx"} {
		if resp, body := callServer(t, "DELETE", url+path, ""); resp.StatusCode != http.StatusOK || !strings.Contains(body, `"id":`) {
			t.Errorf("%s: got %d %s", path, resp.StatusCode, body)
		}
	}
	if fmt.Sprint(forced) != "[false true false false]" || leader.removals[3] != "10.0.0.3:12000/x" || len(follower.removals) != 0 {
		t.Errorf("the leader removed %v, forced %v", leader.removals, forced)
	}
	for query, code := range map[string]string{"force=yes": codeInvalidParameter, "force": codeInvalidParameter, "force=true&force=false": codeInvalidParameter, "forced=true": codeUnsupportedParameter} {
		resp, body := callServer(t, "DELETE", url+"/cluster/n3?"+query, "")
		wantProblem(t, resp.StatusCode, resp.Header, body, 400, code)
	}
}

func TestHealth(t *testing.T) {
	n := newFake("n1").follow(nil)
	h := New(n, Options{})
	n.checks = []node.Check{{Name: "leader", Reason: "none is known"}, {Name: "member", OK: true}}
	if w := call(h, "GET", "/healthz?probe=1", ""); w.Code != 200 || w.Body.String() != "{\"live\":true}\n" {
		t.Errorf("healthz: got %d %q", w.Code, w.Body)
	}
	w := call(h, "GET", "/readyz", "")
	want := `{"ready":false,"checks":[{"name":"leader","ok":false,"reason":"none is known"},{"name":"member","ok":true}]}` + "\n"
	if w.Code != 503 || w.Body.String() != want {
		t.Errorf("readyz: got %d %s, want 503 %s", w.Code, w.Body, want)
	}
	n.checks[0] = node.Check{Name: "leader", OK: true}
	hangs := New(n, Options{Checks: func() []node.Check { return []node.Check{{Name: "log_store", Reason: "it hangs"}} }})
	w = call(hangs, "GET", "/readyz", "")
	if w.Code != 503 || !strings.Contains(w.Body.String(), `{"name":"log_store","ok":false,"reason":"it hangs"}`) {
		t.Errorf("readyz with a check from outside: got %d %s", w.Code, w.Body)
	}
	if w := call(h, "GET", "/readyz", ""); w.Code != 200 || !strings.Contains(w.Body.String(), `"ready":true`) {
		t.Errorf("readyz: got %d %s", w.Code, w.Body)
	}
}
