package httpapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/forkbikash/keyval/client/api"
	"github.com/forkbikash/keyval/core/node"
)

// leaderClient sends requests to the leader.
//
// A write must never reach the leader twice, and net/http's Transport may send
// a request again on its own. It does so (Transport.roundTrip,
// persistConn.shouldRetryRequest, Request.isReplayable) when it wrote nothing
// of the request, which is safe, or when the method is GET, HEAD, OPTIONS or
// TRACE, or when the request has an Idempotency-Key header: POST and DELETE
// without that header are sent once. So no header of a client is sent on except
// those listed in send. It calls RoundTrip itself, for http.Client follows
// redirects.
type leaderClient struct {
	id        string
	clusterID string
	transport *http.Transport
}

const (
	dialTimeout = 2 * time.Second

	// Followers close idle connections before the leader does, so that a request
	// does not meet a connection that is just being closed. See NewServer.
	relayIdleTimeout = time.Minute

	// Connections to the leader kept for a burst of forwarded writes.
	maxIdleToLeader = 512

	// What a leader's answer may have: more than any problem or member list.
	maxRelayedBody = 8 << 20
)

// dialError says that no connection to the leader came to be, so that nothing
// was sent.
type dialError struct{ error }

func (e dialError) Unwrap() error { return e.error }

func newLeaderClient(id, clusterID string) *leaderClient {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: 15 * time.Second}
	return &leaderClient{id: id, clusterID: clusterID, transport: &http.Transport{
		Proxy: nil, // peers are reached directly, whatever the environment says
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, addr)
			if err != nil {
				return nil, dialError{err}
			}
			return conn, nil
		},
		MaxIdleConnsPerHost: maxIdleToLeader,
		IdleConnTimeout:     relayIdleTimeout,
		DisableCompression:  true,
	}}
}

// relay sends r to the leader, with body for its body, and answers what the
// leader answers.
func (c *leaderClient) relay(ctx context.Context, w *answer, r *http.Request, leader node.Peer, body []byte) error {
	if leader.HTTPAddr == "" {
		return leaderAddressUnknown(leader)
	}
	resp, answered, err := c.send(ctx, r, leader.HTTPAddr, body)
	var unsent dialError
	switch {
	case errors.As(err, &unsent):
		return &failure{
			status: http.StatusServiceUnavailable, code: codeLeaderUnreachable, leader: wirePeer(leader), retry: true,
			detail: fmt.Sprintf("the leader, %s, cannot be reached at %s (%v); nothing was changed, try again soon", leader.ID, leader.HTTPAddr, err),
		}
	case err != nil:
		return unknownOutcome("the leader, %s, did not answer (%v): the request may have taken effect, or may yet. Look before you send it again", leader.ID, err)
	case resp.Header[headerNode] == nil:
		return &failure{
			status: http.StatusBadGateway, code: codeBadGateway, outcome: outcomeUnknown, leader: wirePeer(leader),
			detail: fmt.Sprintf("what answers at %s, the HTTP address of the leader %s, is not keyval: start that node with the right -haddr-adv", leader.HTTPAddr, leader.ID),
		}
	}
	copyAnswer(w, resp, answered)
	return nil
}

// send makes one hop and reads the answer whole, so that what was cut short is
// not taken for an answer.
func (c *leaderClient) send(ctx context.Context, r *http.Request, addr string, body []byte) (*http.Response, []byte, error) {
	// A *bytes.Reader can be rewound, which allows the safe kind of retry.
	req, err := http.NewRequestWithContext(ctx, r.Method, "http://"+addr+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return nil, nil, dialError{err}
	}
	req.Header[api.HeaderForwardedBy] = []string{c.id}
	req.Header[api.HeaderForwardedIn] = []string{c.clusterID}
	if len(body) > 0 {
		req.Header[contentType] = typeJSON
	}
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	answered, err := io.ReadAll(io.LimitReader(resp.Body, maxRelayedBody+1))
	if err == nil && len(answered) > maxRelayedBody {
		err = errors.New("its answer is too long")
	}
	return resp, answered, err
}

// Headers that belong to one connection, or that net/http sets by itself.
var notCopied = map[string]bool{
	"Connection": true, "Keep-Alive": true, "Transfer-Encoding": true, "Trailer": true, "Upgrade": true,
	"Proxy-Authenticate": true, "Content-Length": true, "Date": true,
}

func copyAnswer(w *answer, resp *http.Response, body []byte) {
	header := w.Header()
	for name, values := range resp.Header {
		if !notCopied[name] {
			header[name] = values
		}
	}
	w.WriteHeader(resp.StatusCode)
	_, _ = w.Write(body) // the client is gone, and nobody else to tell
}
