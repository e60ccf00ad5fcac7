package httpapi

import (
	"net/http"

	"github.com/forkbikash/keyval/client/api"
)

// getHealth answers 200 as long as the process serves at all.
func (h *Handler) getHealth(w *answer, _ *http.Request, _ string) error {
	return h.sendJSON(w, http.StatusOK, typeJSON, api.Liveness{Live: true})
}

// getReady answers 503 until every check passes, and lists them all either way.
func (h *Handler) getReady(w *answer, _ *http.Request, _ string) error {
	readiness := api.Readiness{Ready: true, Checks: []api.Check{}}
	for _, c := range append(h.node.Ready(), h.opts.Checks()...) {
		readiness.Ready = readiness.Ready && c.OK
		readiness.Checks = append(readiness.Checks, api.Check{Name: c.Name, OK: c.OK, Reason: c.Reason})
	}
	status := http.StatusOK
	if !readiness.Ready {
		status = http.StatusServiceUnavailable
	}
	return h.sendJSON(w, status, typeJSON, readiness)
}
