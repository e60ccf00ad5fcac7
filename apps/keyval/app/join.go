package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/forkbikash/keyval/client/api"
	"github.com/forkbikash/keyval/core/node"
)

// joiner asks a cluster, over HTTP, to admit this node.
type joiner struct {
	http *http.Client
	log  *slog.Logger
}

func newJoiner(log *slog.Logger) *joiner {
	return &joiner{http: &http.Client{Transport: &http.Transport{}}, log: log}
}

// refusal is an answer that asking again would not change.
type refusal struct {
	at   string // host:port that answered
	code string
	why  string
}

func (r *refusal) Error() string { return fmt.Sprintf("%s refused the join: %s", r.at, r.why) }

// wasRemoved says whether err is the cluster's word that this node was removed.
func wasRemoved(err error) bool {
	var r *refusal
	return errors.As(err, &r) && r.code == string(node.RefusedRemoved)
}

// notKeyvalError says that something else answers at a join address.
type notKeyvalError struct{ at, why string }

func (e *notKeyvalError) Error() string {
	return fmt.Sprintf("%s is not a keyval node (%s): check -join", e.at, e.why)
}

const (
	askTimeout  = 5 * time.Second  // for an answer that needs no waiting
	joinTimeout = 90 * time.Second // for one that waits until this node has caught up
	firstPause  = 100 * time.Millisecond
	longestWait = 5 * time.Second
	maxAnswer   = 1 << 20
)

// clusterID learns which cluster the addresses belong to.
func (j *joiner) clusterID(ctx context.Context, addrs []string) (string, error) {
	var id string
	err := j.retry(ctx, addrs, func(addr string) error {
		s, err := j.status(ctx, addr)
		if err != nil {
			return err
		}
		if why := badClusterID(s.ClusterID); why != "" {
			return &notKeyvalError{addr, why}
		}
		id = s.ClusterID
		return nil
	})
	return id, err
}

// badClusterID is what is wrong with an id that another gave as its cluster's,
// before it is noted for good; empty when nothing is. A node names none only
// while it starts, and then with a 503.
func badClusterID(id string) string {
	switch {
	case id == "":
		return "its status names no cluster"
	case len(id) > node.MaxName:
		return fmt.Sprintf("its cluster's id has %d bytes", len(id))
	case strings.ContainsFunc(id, func(r rune) bool { return !unicode.IsGraphic(r) || unicode.IsSpace(r) }):
		return fmt.Sprintf("its cluster's id %q is not printable", id)
	}
	return ""
}

func (j *joiner) status(ctx context.Context, addr string) (api.Status, error) {
	var s api.Status
	err := j.call(ctx, askTimeout, http.MethodGet, addr, "/status", nil, &s)
	return s, err
}

// join asks until the cluster accepts. A refusal ends it.
func (j *joiner) join(ctx context.Context, addrs []string, r node.JoinRequest) error {
	return j.retry(ctx, addrs, func(addr string) error { return j.ask(ctx, addr, r) })
}

// ask asks once.
func (j *joiner) ask(ctx context.Context, addr string, r node.JoinRequest) error {
	timeout := joinTimeout
	if r.Announce {
		timeout = 3 * askTimeout
	}
	body := api.JoinRequest{
		ID: r.ID, Addr: r.RaftAddr, HTTPAddr: r.HTTPAddr, ClusterID: r.ClusterID,
		LogStore: r.LogStore, Transport: r.Transport, CommandVersion: r.CommandVersion, Announce: r.Announce,
	}
	if r.Incarnation != 0 {
		body.Incarnation = strconv.FormatUint(r.Incarnation, 16)
	}
	var answer api.JoinResponse
	err := j.call(ctx, timeout, http.MethodPost, addr, "/join", body, &answer)
	if err == nil && answer.ClusterID == "" {
		err = &notKeyvalError{addr, "its answer names no cluster"}
	}
	return err
}

// dropsOfAStranger is how often in a row an address takes a connection and drops
// it before it counts as something else than keyval's HTTP. Once may be a node
// that just ended.
const dropsOfAStranger = 3

// retry tries the addresses in turn, with growing pauses, until one succeeds,
// one refuses, all of them are not keyval, or ctx ends.
func (j *joiner) retry(ctx context.Context, addrs []string, try func(addr string) error) error {
	drops := make(map[string]int)
	for pause := firstPause; ; pause = min(2*pause, longestWait) {
		strangers := 0
		for _, addr := range addrs {
			err := try(addr)
			if err == nil {
				return nil
			}
			if !dropped(err) {
				drops[addr] = 0
			} else if drops[addr]++; drops[addr] >= dropsOfAStranger {
				err = &notKeyvalError{addr, "it drops HTTP requests; -join takes a node's HTTP address, not its Raft address"}
			}
			var r *refusal
			var stranger *notKeyvalError
			switch {
			case errors.As(err, &r):
				return err
			case errors.As(err, &stranger):
				if strangers++; strangers == len(addrs) {
					return err
				}
			}
			if ctx.Err() != nil {
				return ctx.Err() // it was told to stop
			}
			j.log.Warn("could not join yet, trying again", "via", addr, "error", err)
		}
		// Full jitter keeps nodes that start together from asking together.
		wait := pause/2 + rand.N(pause/2+1) //nolint:gosec // spread, not secrecy
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// dropped says whether the other side took the connection and gave no answer.
func dropped(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, io.EOF)
}

// call does one exchange of JSON. An answer that asking again could change is a
// plain error.
func (j *joiner) call(ctx context.Context, timeout time.Duration, method, addr, path string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+addr+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := j.http.Do(req)
	if err != nil {
		if strings.Contains(err.Error(), "malformed HTTP") {
			return &notKeyvalError{addr, "it does not speak HTTP"}
		}
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return err
	}
	if resp.StatusCode/100 == 2 {
		if resp.Header.Get(api.HeaderNode) == "" {
			return &notKeyvalError{addr, "its answer names no node"}
		}
		if err := json.Unmarshal(b, out); err != nil {
			return &notKeyvalError{addr, "its answer is not JSON"}
		}
		return nil
	}
	return problem(addr, resp, b)
}

// problem is the error that an answer with an error status stands for.
func problem(addr string, resp *http.Response, body []byte) error {
	var p api.Problem
	isProblem := strings.HasPrefix(resp.Header.Get("Content-Type"), api.ProblemType) && json.Unmarshal(body, &p) == nil && p.Code != ""
	switch {
	case !isProblem && nobodyBehind(resp.StatusCode):
		return fmt.Errorf("%s answered %s", addr, resp.Status)
	case !isProblem:
		return &notKeyvalError{addr, "it answered " + resp.Status}
	case resp.StatusCode >= 500:
		return fmt.Errorf("%s: %s", addr, p.Detail)
	}
	return &refusal{at: addr, code: p.Code, why: p.Detail}
}

// nobodyBehind says whether a load balancer answers so while no node is up
// behind it.
func nobodyBehind(status int) bool {
	return status == http.StatusBadGateway || status == http.StatusServiceUnavailable || status == http.StatusGatewayTimeout
}
