package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/forkbikash/keyval/client/api"
	"github.com/forkbikash/keyval/core/node"
)

// Forward says what a node that does not lead does with a write.
type Forward int

const (
	// Proxy sends the write to the leader and its answer back.
	Proxy Forward = iota
	// Redirect answers 307 with the leader's address.
	Redirect
	// Reject answers 421 and names the leader.
	Reject
)

var forwardNames = [...]string{Proxy: "proxy", Redirect: "redirect", Reject: "reject"}

func (f Forward) String() string {
	if f < 0 || int(f) >= len(forwardNames) {
		return fmt.Sprintf("Forward(%d)", int(f))
	}
	return forwardNames[f]
}

// ParseForward reads what [Forward.String] writes.
func ParseForward(s string) (Forward, error) {
	for f, name := range forwardNames {
		if s == name {
			return Forward(f), nil
		}
	}
	return 0, fmt.Errorf("forward mode %q is unknown: proxy, redirect and reject are known", s)
}

// leaderCall is a request that only the leader can serve.
type leaderCall struct {
	body    []byte // as it was received, to send on
	timeout time.Duration
	forward Forward
	do      func(ctx context.Context) error // serves and answers it here
}

// onLeader serves c here when this node leads, and has it reach the leader
// otherwise.
func (h *Handler) onLeader(w *answer, r *http.Request, c leaderCall) error {
	ctx, cancel := context.WithTimeout(r.Context(), c.timeout)
	defer cancel()
	leader, err := h.knownLeader()
	if err != nil {
		return err
	}
	if leader.ID == h.node.ID() {
		err := c.do(ctx)
		// Leadership may have moved since; then nothing was proposed here.
		var moved *node.NotLeaderError
		if !errors.As(err, &moved) || errors.Is(err, node.ErrUnknownOutcome) {
			return err
		}
		leader = moved.Leader
	}
	if c.forward != Proxy || forwarded(r) {
		return h.refer(w, r, leader, c.forward)
	}
	return h.leader.relay(ctx, w, r, leader, c.body)
}

func (h *Handler) knownLeader() (node.Peer, error) {
	leader, known := h.node.Leader()
	if !known {
		return node.Peer{}, node.ErrNoLeader
	}
	return leader, nil
}

// forwarded says whether another node sent the request. It is not sent on: two
// nodes that each take the other for the leader must not play ball with it.
func forwarded(r *http.Request) bool { return r.Header[api.HeaderForwardedBy] != nil }

// checkForwarded refuses what a node of another cluster sent on. It takes this
// node for the leader that was here before: one that lost its data directory
// and founded a cluster anew answers at the same address.
func (h *Handler) checkForwarded(r *http.Request) error {
	in := r.Header[api.HeaderForwardedIn]
	if in == nil || in[0] == h.leader.clusterID {
		return nil
	}
	return &failure{
		status: http.StatusServiceUnavailable, code: codeNotLeader, retry: true,
		detail: fmt.Sprintf("node %s does not lead cluster %s, from which the request was forwarded: it belongs to cluster %s; nothing was changed, try again soon",
			h.node.ID(), quote(in[0]), h.leader.clusterID),
	}
}

// sendAway refers the client to the leader before its body is read, if that is
// what this node does. A leader, and a node that proxies, go on.
func (h *Handler) sendAway(w *answer, r *http.Request) (done bool, err error) {
	if h.opts.Forward == Proxy && !forwarded(r) {
		return false, nil
	}
	leader, err := h.knownLeader()
	if err != nil || leader.ID == h.node.ID() {
		return false, err
	}
	return true, h.refer(w, r, leader, h.opts.Forward)
}

// refer tells the client who leads, and does nothing else.
func (h *Handler) refer(w *answer, r *http.Request, leader node.Peer, mode Forward) error {
	f := &failure{
		status: http.StatusServiceUnavailable, code: codeNotLeader, leader: wirePeer(leader), retry: true,
		detail: fmt.Sprintf("node %s does not lead, %s does; nothing was changed", h.node.ID(), leader.ID),
	}
	switch {
	case forwarded(r):
		return f
	case mode == Reject:
		f.status, f.retry = http.StatusMisdirectedRequest, false
		f.detail = fmt.Sprintf("node %s does not lead; nothing was changed: send the request to %s at %s", h.node.ID(), leader.ID, leader.HTTPAddr)
	case leader.HTTPAddr == "":
		return leaderAddressUnknown(leader)
	default:
		f.status, f.retry = http.StatusTemporaryRedirect, false
		w.Header().Set("Location", "http://"+leader.HTTPAddr+r.URL.RequestURI())
	}
	return f
}

func leaderAddressUnknown(leader node.Peer) *failure {
	return &failure{
		status: http.StatusServiceUnavailable, code: codeLeaderAddressUnknown, leader: wirePeer(leader), retry: true,
		detail: fmt.Sprintf("the HTTP address of the leader, %s, is not known here yet; nothing was changed: try again soon, or send the request there", leader.ID),
	}
}

func wirePeer(p node.Peer) *api.Node {
	return &api.Node{ID: p.ID, RaftAddr: p.RaftAddr, HTTPAddr: p.HTTPAddr}
}
