package app

import (
	"encoding/json"
	"net/http"
	"sync/atomic"

	"github.com/forkbikash/keyval/client/api"
)

// gate answers for a node that is still starting: it is alive, not ready, and
// serves nothing else, so that a supervisor can tell it from a dead one while it
// waits for its cluster.
type gate struct {
	node    string
	waiting atomic.Pointer[string]
	open    atomic.Pointer[http.Handler]
}

func newGate(node string) *gate {
	g := &gate{node: node}
	g.wait("the node is starting")
	return g
}

// wait says what the node is waiting for.
func (g *gate) wait(reason string) { g.waiting.Store(&reason) }

// serve lets requests through to h.
func (g *gate) serve(h http.Handler) { g.open.Store(&h) }

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h := g.open.Load(); h != nil {
		(*h).ServeHTTP(w, r)
		return
	}
	w.Header().Set(api.HeaderNode, g.node)
	w.Header().Set("Cache-Control", "no-store")
	reason := *g.waiting.Load()
	switch r.URL.Path {
	case "/healthz":
		answer(w, http.StatusOK, "application/json", api.Liveness{Live: true})
	case "/readyz":
		answer(w, http.StatusServiceUnavailable, "application/json", api.Readiness{
			Checks: []api.Check{{Name: "started", Reason: reason}},
		})
	default:
		w.Header().Set("Retry-After", "1")
		answer(w, http.StatusServiceUnavailable, api.ProblemType, api.Problem{
			Type: "about:blank", Title: http.StatusText(http.StatusServiceUnavailable),
			Status: http.StatusServiceUnavailable, Code: "starting", Detail: reason,
		})
	}
}

func answer(w http.ResponseWriter, status int, mediaType string, body any) {
	w.Header().Set("Content-Type", mediaType)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client may be gone
}
