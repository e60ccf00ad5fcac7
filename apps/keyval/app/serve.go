package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/forkbikash/keyval/core/httpapi"
	"github.com/forkbikash/keyval/core/node"
)

// requestGrace is how long a node that stops waits for requests to finish.
const requestGrace = 10 * time.Second

// handOverAfter is how long requests may keep a node that stops from handing
// over leadership; what they propose after that goes on to the next leader.
const handOverAfter = time.Second

// serve runs a node until ctx ends, the node fails, or it was removed from its
// cluster. The last is no error.
func serve(ctx context.Context, cfg Config, p Plugs, stdout, stderr io.Writer) (err error) {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	s := &server{cfg: cfg, plugs: p, log: newLogger(stderr, cfg), stop: fail, hung: make(chan error, 1)}
	// The client of net/http prints with the standard logger and takes no other.
	slog.SetLogLoggerLevel(slog.LevelDebug)
	slog.SetDefault(s.log)
	defer func() { err = errors.Join(err, s.closeInTime(err)) }()
	if err := s.openUnlessHung(ctx); err != nil && (ctx.Err() == nil || isStall(err)) {
		if wasRemoved(err) {
			return s.sayRemoved()
		}
		return err
	}
	if ctx.Err() == nil {
		_, _ = fmt.Fprintf(stdout, "keyval node %s serves http://%s (Raft %s, log store %s)\n",
			s.id.nodeID, cfg.peerHTTPAddr(), cfg.peerRaftAddr(), s.id.logStore)
		select {
		case <-ctx.Done():
		case <-s.node.Removed():
			return s.sayRemoved()
		}
	}
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	s.log.Info("stopping")
	return nil
}

// server is a node with everything it stands on. What it opens it pushes onto
// closers, and closes in the reverse order.
type server struct {
	cfg   Config
	plugs Plugs
	log   *slog.Logger
	stop  context.CancelCauseFunc // ends serve; the first cause counts
	hung  chan error              // why the log store was given up
	faces faces

	id      identity
	node    *node.Node
	gate    *gate
	closers []func() error
}

func (s *server) onClose(f func() error) { s.closers = append(s.closers, f) }

// A node that stops orderly needs what its parts allow themselves; one that
// failed may stand on a disk that hangs, and others should lead soon.
const (
	closeGrace       = 30 * time.Second
	failedCloseGrace = 3 * time.Second
)

// closeInTime closes everything, but does not wait forever: the process ends
// anyway, and what is durable is so before it is acknowledged.
func (s *server) closeInTime(failure error) error {
	if isStall(failure) {
		s.faces.close()
		return nil
	}
	grace := closeGrace
	if failure != nil {
		grace = failedCloseGrace
	}
	done := make(chan error, 1)
	go func() { done <- s.close() }()
	select {
	case err := <-done:
		return err
	case err := <-s.hung:
		s.faces.close()
		return err
	case <-time.After(grace):
		return fmt.Errorf("did not stop within %s", grace)
	}
}

func (s *server) close() error {
	var errs []error
	for _, f := range slices.Backward(s.closers) {
		errs = append(errs, f())
	}
	return errors.Join(errs...)
}

// fail ends the process with err. It is what a store calls that cannot go on.
func (s *server) fail(err error) {
	s.log.Error("the node must stop", "error", err)
	s.stop(err)
}

func (s *server) sayRemoved() error {
	s.log.Info("this node was removed from the cluster; to join again, give it an empty data directory", "node", s.id.nodeID)
	return nil
}

// open starts everything, in the order in which a mistake costs least: the
// ports and the plugs first, then the directory, the cluster last.
func (s *server) open(ctx context.Context) error {
	listener, err := s.listen(ctx)
	if err != nil {
		return err
	}
	if err := s.preflight(); err != nil {
		return err
	}
	if err := s.openStorage(); err != nil {
		return err
	}
	s.gate = newGate(s.id.nodeID)
	web := s.serveHTTP(listener)
	join := newJoiner(s.log)
	if err := s.identify(ctx, join); err != nil {
		return err
	}
	if err := s.openTransport(); err != nil {
		return err
	}
	if err := s.announce(ctx, join); err != nil {
		return err
	}
	if err := s.openNode(); err != nil {
		return err
	}
	s.publish(web)
	s.keep(join)
	return s.settle(ctx, join)
}

func (s *server) listen(ctx context.Context) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", s.cfg.HTTPAddr)
	if err != nil {
		return nil, fmt.Errorf("HTTP address -haddr=%s: %w: %s", s.cfg.HTTPAddr, plainNetError(err), listenAdvice(err))
	}
	s.onClose(func() error {
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	return l, nil
}

func listenAdvice(err error) string {
	if errors.Is(err, syscall.EADDRINUSE) {
		return "stop what listens there, or choose another -haddr"
	}
	return "name an address of this machine, and what others are to use with -haddr-adv"
}

// plainNetError is err without the operation and address, which the message
// around it tells.
func plainNetError(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

// serveHTTP answers from the gate, so that the node can be asked how it is
// while it starts.
func (s *server) serveHTTP(l net.Listener) *http.Server {
	web := httpapi.NewServer(s.gate, httpapi.Options{Logger: s.log})
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := web.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.fail(fmt.Errorf("HTTP server: %w", err))
		}
	})
	s.faces.add(web.Close)
	s.onClose(func() error {
		err := web.Close() // a node that closed orderly has shut it down before
		serving.Wait()
		return err
	})
	return web
}

func (s *server) openTransport() error {
	t, err := s.startTransport(s.transportConfig())
	if err != nil {
		return err
	}
	s.id.transport = t
	s.faces.add(t.Close)
	s.onClose(t.Close)
	return nil
}

func (s *server) openNode() error {
	n, err := node.Open(s.nodeConfig())
	if err != nil {
		return err
	}
	s.node = n
	s.onClose(n.Close)
	return s.id.markMember()
}

// publish lets requests through to the node. When it stops, it takes no new ones
// and finishes those it has. It hands over leadership after them, or sooner if
// they take long: nobody can reach it to write any more.
func (s *server) publish(web *http.Server) {
	h := httpapi.New(s.node, httpapi.Options{
		Forward: s.cfg.Forward, Version: buildVersion(), Logger: s.log,
		Checks: s.checks, Shadow: s.shadowStatus,
	})
	s.gate.serve(h)
	s.onClose(func() error {
		defer h.Close()
		ctx, cancel := context.WithTimeout(context.Background(), requestGrace)
		defer cancel()
		waited := time.AfterFunc(handOverAfter, s.node.HandOver)
		defer waited.Stop()
		if err := web.Shutdown(ctx); err != nil {
			s.log.Warn("requests were cut off", "error", err)
		}
		return nil
	})
}

// keep looks after the membership in the background.
func (s *server) keep(join *joiner) {
	k := &keeper{
		node: s.node, join: join, extra: s.joinAddrs(), log: s.log,
		patience: max(3*time.Second, 3*s.cfg.Raft.ElectionTimeout),
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { k.run(ctx) })
	s.onClose(func() error {
		cancel()
		running.Wait()
		return nil
	})
}

// joinAddrs are the addresses to join through, without this node's own.
func (s *server) joinAddrs() []string {
	var addrs []string
	for _, j := range s.cfg.Join {
		if addr := strings.TrimPrefix(j, "http://"); addr != s.cfg.HTTPAddr && addr != s.cfg.peerHTTPAddr() {
			addrs = append(addrs, addr)
		}
	}
	return addrs
}
