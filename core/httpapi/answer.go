package httpapi

import (
	"encoding/json"
	"net/http"
	"strconv"
	"sync"
)

// answer is a ResponseWriter that knows whether an answer has begun.
type answer struct {
	http.ResponseWriter
	started bool
}

var answers = sync.Pool{New: func() any { return new(answer) }}

func newAnswer(w http.ResponseWriter) *answer {
	a := answers.Get().(*answer)
	a.ResponseWriter = w
	return a
}

func (a *answer) release() {
	*a = answer{}
	answers.Put(a)
}

func (a *answer) WriteHeader(status int) {
	a.started = true
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(b []byte) (int, error) {
	a.started = true
	return a.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController through.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// Header values that all answers share, so that setting them costs nothing.
// Nobody may write to them; whoever adds to a header gets a copy.
var (
	typeJSON    = []string{"application/json"}
	typeProblem = []string{"application/problem+json"}
	typeBytes   = []string{"application/octet-stream"}
	noStore     = []string{"no-store"}
	noSniff     = []string{"nosniff"}
	base64Value = []string{"base64"}
	staleRead   = []string{"stale"}
)

// Keys of headers, as http.Header stores them.
const (
	contentType = "Content-Type"
	etag        = "Etag"
)

// chunkedAbove is a bit under the size at which net/http stops counting an
// answer's length by itself.
const chunkedAbove = 2000

// send writes an answer. Its headers beyond the common ones are already set.
func (h *Handler) send(w *answer, status int, mediaType []string, body []byte) {
	header := w.Header()
	if mediaType != nil {
		header[contentType] = mediaType
	}
	header["Cache-Control"] = noStore
	header["X-Content-Type-Options"] = noSniff
	if header[headerNode] == nil {
		header[headerNode] = h.nodeID
	}
	if len(body) > chunkedAbove {
		header["Content-Length"] = []string{strconv.Itoa(len(body))}
	}
	w.WriteHeader(status)
	if len(body) > 0 {
		_, _ = w.Write(body) // the client is gone, and nobody else to tell
	}
}

func (h *Handler) sendJSON(w *answer, status int, mediaType []string, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	h.send(w, status, mediaType, append(body, '\n'))
	return nil
}
