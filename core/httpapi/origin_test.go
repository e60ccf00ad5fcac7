package httpapi

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/forkbikash/keyval/core/node"
)

// A browser says for whom it sends a request; curl and other nodes say nothing.
func TestCrossOriginRequests(t *testing.T) {
	for name, c := range map[string]struct {
		header, value string
		refused       bool
	}{
		"another site":             {"Sec-Fetch-Site", "cross-site", true},
		"a sibling host":           {"Sec-Fetch-Site", "same-site", true},
		"a page of the node's own": {"Sec-Fetch-Site", "same-origin", false},
		"the user":                 {"Sec-Fetch-Site", "none", false},
		"an older browser":         {"Origin", "http://evil.example", true},
		"a sandboxed page":         {"Origin", "null", true},
		"its own, older browser":   {"Origin", "http://node0:11000", false},
		"no browser":               {"User-Agent", "curl/8.0", false},
	} {
		for _, call := range []struct{ method, path, body string }{
			{"POST", "/key", `{"a":"1"}`},
			{"DELETE", "/key/a", ""},
			{"POST", "/join", `{"id":"a","addr":"b:1"}`},
			{"DELETE", "/cluster/a", ""},
			{"GET", "/key/a", ""},
		} {
			n := newFake("n1")
			n.keys["a"] = node.Read{Value: []byte("1"), Found: true}
			r := httptest.NewRequest(call.method, "http://node0:11000"+call.path, strings.NewReader(call.body))
			r.Header.Set(c.header, c.value)
			w := httptest.NewRecorder()
			New(n, Options{}).ServeHTTP(w, r)
			if c.refused && call.method != http.MethodGet {
				wantProblem(t, w.Code, w.Header(), w.Body.String(), 403, codeCrossOrigin)
				if n.proposed()+len(n.joins)+len(n.removals) != 0 {
					t.Errorf("%s: %s %s reached the node", name, call.method, call.path)
				}
			} else if w.Code != http.StatusOK {
				t.Errorf("%s: %s %s: got %d %s", name, call.method, call.path, w.Code, w.Body)
			}
		}
	}
}
