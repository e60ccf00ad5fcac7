package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/forkbikash/keyval/client/api"
	"github.com/forkbikash/keyval/core/command/commandpb"
	"github.com/forkbikash/keyval/core/fsm"
	"github.com/forkbikash/keyval/core/node"
)

// Node is what the handlers need of a node.
type Node interface {
	ID() string
	// Leader is who leads, as far as the node knows: itself when the ids match.
	// It is false when no leader is known.
	Leader() (node.Peer, bool)
	Term() uint64

	Get(key []byte) node.Read
	// CaughtUp is false until the node knows what was committed when it started.
	CaughtUp() bool
	Propose(ctx context.Context, c *commandpb.Command) (fsm.Result, error)

	Status() node.Status
	Cluster() node.Cluster
	Ready() []node.Check
	Join(ctx context.Context, r node.JoinRequest) (node.JoinResult, error)
	Remove(ctx context.Context, id string, force bool) error
}

var _ Node = (*node.Node)(nil)

// Options tune a [Handler]. Zero fields take the defaults.
type Options struct {
	Forward Forward // what a node that does not lead does with a write; default Proxy
	Version string  // shown by GET /status
	Limits  Limits

	RequestTimeout time.Duration // of a write or removal, here or forwarded; default 10 s
	JoinTimeout    time.Duration // of a join, which may wait for a snapshot to be sent; default 60 s

	// Checks are conditions of GET /readyz beside the node's own. Nil for none.
	Checks func() []node.Check

	// Shadow is what GET /status shows under that name. Nil, and a nil result,
	// show nothing.
	Shadow func() *api.Shadow

	// Logger receives panics, and at debug level what became of requests that
	// could not be answered well. Nil discards them.
	Logger *slog.Logger

	Now func() time.Time // the clock; default time.Now
}

// Limits bound what a client may send, in bytes.
type Limits struct {
	MaxKey   int // default 4 KiB
	MaxValue int // default 1 MiB
	MaxBody  int // default 4 MiB
}

func (o Options) withDefaults() Options {
	setDefault(&o.Limits.MaxKey, 4<<10)
	setDefault(&o.Limits.MaxValue, 1<<20)
	setDefault(&o.Limits.MaxBody, 4<<20)
	setDefault(&o.RequestTimeout, 10*time.Second)
	setDefault(&o.JoinTimeout, time.Minute)
	if o.Checks == nil {
		o.Checks = func() []node.Check { return nil }
	}
	if o.Shadow == nil {
		o.Shadow = func() *api.Shadow { return nil }
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

func setDefault[T ~int | ~int64](v *T, to T) {
	if *v == 0 {
		*v = to
	}
}

// Handler serves a node's HTTP interface.
type Handler struct {
	node   Node
	opts   Options
	start  time.Time
	leader *leaderClient
	routes routes
	origin *http.CrossOriginProtection
	nodeID []string // as a header value, shared by all answers
}

// New returns the handler of n. Close it when its server is shut down.
func New(n Node, o Options) *Handler {
	h := &Handler{
		node: n, opts: o.withDefaults(), nodeID: []string{n.ID()},
		leader: newLeaderClient(n.ID(), n.Status().ClusterID),
		origin: http.NewCrossOriginProtection(),
	}
	h.start = h.opts.Now()
	h.routes = h.newRoutes()
	return h
}

// Close drops the idle connections to other nodes.
func (h *Handler) Close() { h.leader.transport.CloseIdleConnections() }

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w := newAnswer(rw)
	defer w.release()
	defer h.recoverPanic(w, r)
	if err := h.dispatch(w, r); err != nil {
		h.fail(w, r, err)
	}
}

// recoverPanic answers 500 for a bug in a handler. When part of an answer is
// out already, the connection is cut instead: a client must not take half an
// answer for a whole one.
func (h *Handler) recoverPanic(w *answer, r *http.Request) {
	cause := recover()
	if cause == nil {
		return
	}
	if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(cause)
	}
	h.opts.Logger.Error("panic while serving a request", "method", r.Method, "path", r.URL.EscapedPath(),
		"panic", cause, "stack", string(debug.Stack()))
	if w.started {
		panic(http.ErrAbortHandler)
	}
	f := &failure{
		status: http.StatusInternalServerError, code: codeInternal,
		detail: "this is a bug in keyval: its log has the details",
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		f.outcome = outcomeUnknown
	}
	h.fail(w, r, f)
}
