package app

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/forkbikash/keyval/client/api"
)

// A node that cannot go on says so for as long as it is there, whatever it
// served before.
func TestGateOfANodeThatFailed(t *testing.T) {
	g := newGate()
	g.serve(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
	get := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		g.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w
	}
	if got := get("/readyz").Code; got != http.StatusOK {
		t.Fatalf("before: got %d", got)
	}
	g.fail(errors.New("the disk hangs"))
	g.fail(errors.New("and Raft was shut down"))
	got := get("/readyz")
	var r api.Readiness
	if err := json.Unmarshal(got.Body.Bytes(), &r); err != nil || got.Code != http.StatusServiceUnavailable ||
		r.Ready || len(r.Checks) != 1 || r.Checks[0].Reason != "the disk hangs" {
		t.Errorf("got %d %s, want the first reason", got.Code, got.Body)
	}
	if got := get("/key/k").Code; got != http.StatusOK {
		t.Errorf("a read: got %d, want the handler's answer", got)
	}
}
