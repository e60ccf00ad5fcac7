package process_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// What the original did twice, in part or by halves is one write, whichever node
// is asked.
func TestEachWriteIsOneRevision(t *testing.T) {
	t.Parallel()
	c := startCluster(t, "", 1, steady...)
	c.join(c.nodes[0])
	c.members(c.nodes...)
	for _, n := range []*node{c.follower(), c.leader()} {
		n.put("user1", "batman")
		revision := c.leader().mustStatus().Revision
		for _, call := range []struct{ method, path, body string }{
			{http.MethodPost, "/key", `{"a":"1","b":"2","user1":"robin"}`},
			{http.MethodDelete, "/key/user1", ""},
			{http.MethodDelete, "/key/a", ""},
		} {
			a := n.ask(call.method, call.path, call.body)
			revision++
			if got := a.header.Get("Keyval-Revision"); a.status != http.StatusOK || got != strconv.FormatUint(revision, 10) {
				t.Errorf("%s %s %s at %s: %v at revision %s, want %d", call.method, call.path, call.body, n.id, a, got, revision)
			}
		}
		a := n.ask(http.MethodDelete, "/key/a", "")
		if a.status != http.StatusOK || !strings.Contains(a.body, `"deleted":0`) {
			t.Errorf("deleting what is not there: %v", a)
		}
	}
	c.awaitSameState()
}

func TestBadRequestsChangeNothing(t *testing.T) {
	t.Parallel()
	const (
		longestKey   = 4 << 10
		largestValue = 1 << 20
		largestBody  = 4 << 20
	)
	c := startCluster(t, "", 2, steady...)
	c.nodes[0].put("user1", "batman")
	c.awaitKey("user1", "batman", c.nodes...)
	c.awaitSameState()
	before := c.leader().mustStatus()
	for _, n := range c.nodes {
		for _, tt := range []struct {
			method, path, body string
			status             int
			code               string
		}{
			{"POST", "/key", `{"a":`, 400, "malformed_json"},
			{"POST", "/key", `user1=robin`, 400, "malformed_json"},
			{"POST", "/key", "", 400, "malformed_json"},
			{"POST", "/key", `{"a":"1"}{"b":"2"}`, 400, "malformed_json"},
			{"POST", "/key", `["a"]`, 400, "invalid_type"},
			{"POST", "/key", `{"user1":1}`, 400, "invalid_type"},
			{"POST", "/key", `{"good":"1","user1":null}`, 400, "invalid_type"},
			{"POST", "/key", `{}`, 400, "empty_object"},
			{"POST", "/key", `{"good":"1","":"2"}`, 400, "empty_key"},
			{"POST", "/key", `{"user1":"1","user1":"2"}`, 400, "duplicate_key"},
			{"POST", "/key", object(strings.Repeat("k", longestKey+1), "v"), 413, "key_too_long"},
			{"POST", "/key", object("user1", strings.Repeat("v", largestValue+1)), 413, "value_too_large"},
			{"POST", "/key", object("user1", strings.Repeat("v", largestBody)), 413, "body_too_large"},
			{"GET", "/key/", "", 400, "empty_key"},
			{"DELETE", "/key/", "", 400, "empty_key"},
			{"GET", "/key/user1?consistency=perfect", "", 400, "unsupported_consistency"},
			{"PATCH", "/key/user1", "robin", 405, "method_not_allowed"},
			{"GET", "/keyz", "", 404, "not_found"},
			{"GET", "/", "", 404, "not_found"},
		} {
			if err := n.askUnread(tt.method, tt.path, tt.body).is(tt.status, tt.code); err != nil {
				t.Errorf("%s %s %.40s at %s: %v", tt.method, tt.path, tt.body, n.id, err)
			}
		}
		// At the limits it is taken.
		n.put(strings.Repeat("k", longestKey), strings.Repeat("v", largestValue))
		deleteKey(t, n, strings.Repeat("k", longestKey))
	}
	c.awaitKey("user1", "batman", c.nodes...)
	c.awaitSameState()
	after := c.leader().mustStatus()
	if after.Revision != before.Revision+4 || after.Keys != before.Keys {
		t.Errorf("%d keys at revision %d, want %d at %d", after.Keys, after.Revision, before.Keys, before.Revision+4)
	}
}
