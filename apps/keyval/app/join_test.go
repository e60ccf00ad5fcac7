package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"github.com/forkbikash/keyval/client/api"
	"github.com/forkbikash/keyval/core/node"
)

// peer answers what it is asked with the given answers in turn, and then with
// the last of them.
func peer(t *testing.T, answers ...http.HandlerFunc) (addr string) {
	t.Helper()
	next := make(chan http.HandlerFunc, len(answers))
	for _, a := range answers {
		next <- a
	}
	last := answers[len(answers)-1]
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case a := <-next:
			a(w, r)
		default:
			last(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

// says answers as a node does, or as something else that names no node.
func says(status int, mediaType, nodeID, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", mediaType)
		if nodeID != "" {
			w.Header().Set(api.HeaderNode, nodeID)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body) // the joiner reads it or not
	}
}

func quietJoiner() *joiner { return newJoiner(slog.New(slog.DiscardHandler)) }

func TestClusterIDOfStrangers(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"JSON of something else": {says(200, "application/json", "", `{}`), "names no node"},
		"status of another":      {says(200, "application/json", "", `{"cluster_id":"c1"}`), "names no node"},
		"no cluster":             {says(200, "application/json", "node0", `{}`), "names no cluster"},
		"a long cluster id":      {says(200, "application/json", "node0", `{"cluster_id":"`+strings.Repeat("c", node.MaxName+1)+`"}`), "257 bytes"},
		"a line break in it":     {says(200, "application/json", "node0", `{"cluster_id":"c\n1"}`), "not printable"},
		"an escape in it":        {says(200, "application/json", "node0", `{"cluster_id":"c\u001b[2J"}`), "not printable"},
		"HTML":                   {says(200, "text/html", "", "<html>"), "names no node"},
		"HTML with the header":   {says(200, "text/html", "node0", "<html>"), "not JSON"},
		"404":                    {says(404, "text/plain", "", "no"), "404 Not Found"},
		"500":                    {says(500, "text/plain", "", "no"), "500 Internal"},
	} {
		t.Run(name, func(t *testing.T) {
			addr := peer(t, c.answer)
			_, err := quietJoiner().clusterID(context.Background(), []string{addr})
			if !errors.As(err, new(*notKeyvalError)) || !strings.Contains(err.Error(), c.want) || !utf8.ValidString(err.Error()) {
				t.Errorf("got %v, want that it is not keyval because %s", err, c.want)
			}
			if err != nil && strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("the error has what was sent as it was: %q", err)
			}
		})
	}
}

// What a node or a load balancer answers while nothing is up is asked again.
func TestClusterIDOfALateNode(t *testing.T) {
	started := says(200, "application/json", "node0", `{"cluster_id":"c1"}`)
	starting := says(503, api.ProblemType, "node0", `{"status":503,"code":"starting","detail":"the node is starting"}`)
	for name, before := range map[string]http.HandlerFunc{
		"starting":        starting,
		"bad gateway":     says(502, "text/html", "", "<html>"),
		"unavailable":     says(503, "text/html", "", "<html>"),
		"gateway timeout": says(504, "text/plain", "", ""),
	} {
		t.Run(name, func(t *testing.T) {
			addr := peer(t, before, started)
			if id, err := quietJoiner().clusterID(context.Background(), []string{addr}); id != "c1" || err != nil {
				t.Errorf("got %q, %v", id, err)
			}
		})
	}
}

func TestDropped(t *testing.T) {
	for _, errno := range []error{syscall.ECONNRESET, syscall.EPIPE, io.EOF} {
		if err := fmt.Errorf("POST: %w", &net.OpError{Op: "write", Err: errno}); !dropped(err) {
			t.Errorf("%v: the other side is not taken to have dropped the connection", errno)
		}
	}
	if dropped(syscall.ECONNREFUSED) {
		t.Error("a refused connection is taken for one that was dropped")
	}
}
