package tcp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

var _ raft.StreamLayer = (*layer)(nil)

const (
	// introductionLimit bounds how long a connection may take to become one,
	// TLS and handshake included, at both ends. A peer in reach needs a few
	// round trips.
	introductionLimit = 5 * time.Second

	// maxWaiting bounds the connections that have not introduced themselves
	// yet. One more closes the oldest of them: an honest peer is through in
	// milliseconds, so the oldest is the one that stalls.
	maxWaiting = 64
)

// keepAlive finds a machine that vanished without a word within half a minute:
// raft waits for the next request on an accepted connection without a deadline.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3}

// layer is the stream layer under raft's network transport. Its Accept and Dial
// return only connections whose peer has introduced itself and may talk to this
// node. Go sets TCP_NODELAY on both.
type layer struct {
	listener net.Listener
	addr     advertised
	self     identity
	tls      *tls.Config // nil means plain text
	limit    time.Duration
	dialer   net.Dialer
	warnings *warnings

	ready chan *conn      // introduced, for Accept
	ctx   context.Context // done once Close has begun
	stop  context.CancelFunc
	loops sync.WaitGroup // the accept loop and the handshakes

	mu      sync.Mutex
	closed  bool
	conns   map[*conn]struct{}
	waiting []*conn       // inbound, not introduced yet, oldest first
	inbound int           // in conns, introduced or not
	idle    chan struct{} // closed when closed and no inbound is left
}

func listen(bind string, addr advertised, self identity, limit time.Duration, secure *tls.Config, log *slog.Logger) (*layer, error) {
	config := net.ListenConfig{KeepAliveConfig: keepAlive}
	listener, err := config.Listen(context.Background(), "tcp", bind)
	if err != nil {
		return nil, listenError(bind, err)
	}
	l := &layer{
		listener: listener,
		addr:     addr,
		self:     self,
		tls:      secure,
		limit:    min(limit, introductionLimit),
		dialer:   net.Dialer{KeepAliveConfig: keepAlive},
		warnings: newWarnings(log),
		ready:    make(chan *conn),
		conns:    map[*conn]struct{}{},
		idle:     make(chan struct{}),
	}
	l.ctx, l.stop = context.WithCancel(context.Background())
	l.loops.Go(l.acceptLoop)
	return l, nil
}

// Addr is the advertised address; raft tells it to its peers.
func (l *layer) Addr() net.Addr { return l.addr }

// Accept returns the next peer that has introduced itself. It fails only when
// the layer is closed, for raft would log and retry.
func (l *layer) Accept() (net.Conn, error) {
	select {
	case c := <-l.ready:
		return c, nil
	case <-l.ctx.Done():
		return nil, net.ErrClosed
	}
}

// acceptLoop never waits for a peer, only for the system.
func (l *layer) acceptLoop() {
	const shortest, longest = 5 * time.Millisecond, time.Second
	delay := shortest
	for {
		raw, err := l.listener.Accept()
		if err == nil {
			delay = shortest
			if c, err := l.track(raw, true); err == nil {
				l.loops.Go(func() { l.admit(c) })
			}
			continue
		}
		if l.ctx.Err() != nil {
			return
		}
		// Most likely out of file descriptors, which passes.
		l.warnings.warn("accept: "+err.Error(), "cannot accept connections", "err", err)
		select {
		case <-l.ctx.Done():
			return
		case <-time.After(delay):
			delay = min(2*delay, longest)
		}
	}
}

// admit hands c to Accept once its peer has introduced itself, or closes it.
func (l *layer) admit(c *conn) {
	peer, err := l.answer(c)
	if !l.settle(c) && l.ctx.Err() == nil {
		err = strangerf("had to make room: %d newer connections were waiting to introduce themselves", maxWaiting)
	}
	if err == nil {
		select {
		case l.ready <- c:
			return
		case <-l.ctx.Done():
		}
	}
	_ = c.Close()
	if l.ctx.Err() == nil {
		l.refused(c.RemoteAddr(), peer, err)
	}
}

func (l *layer) refused(addr net.Addr, peer identity, err error) {
	host, _, splitErr := net.SplitHostPort(addr.String())
	if splitErr != nil {
		host = addr.String()
	}
	args := []any{"peer", addr.String(), "reason", err.Error()}
	if peer.node != "" {
		args = append(args, "node", peer.node)
	}
	// A peer that tries again comes from another port, which net.OpError names.
	cause := err
	if op := (*net.OpError)(nil); errors.As(err, &op) {
		cause = op.Err
	}
	l.warnings.warn(host+" "+peer.node+" "+cause.Error(), "refused a connection", args...)
}

// answer is the accepting side of TLS and handshake, under one deadline.
func (l *layer) answer(c *conn) (identity, error) {
	if err := c.raw.SetDeadline(time.Now().Add(l.limit)); err != nil {
		return identity{}, err
	}
	if l.tls != nil {
		if err := secure(c, tls.Server(c.raw, l.tls)); err != nil {
			return identity{}, err
		}
	}
	peer, err := receive(c, l.self)
	if err != nil {
		return peer, err
	}
	return peer, c.raw.SetDeadline(time.Time{})
}

// track makes raw a connection of this layer, or closes it when it is too late.
func (l *layer) track(raw net.Conn, inbound bool) (*conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		raw.Close()
		return nil, raft.ErrTransportShutdown
	}
	c := &conn{Conn: raw, raw: raw, owner: l, inbound: inbound}
	l.conns[c] = struct{}{}
	if inbound {
		l.inbound++
		l.waiting = append(l.waiting, c)
		if len(l.waiting) > maxWaiting {
			l.waiting[0].raw.Close()
			l.waiting = slices.Delete(l.waiting, 0, 1)
		}
	}
	return c, nil
}

// settle ends the wait of c and reports whether it was still allowed to wait.
func (l *layer) settle(c *conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.waiting, c)
	if i < 0 {
		return false
	}
	l.waiting = slices.Delete(l.waiting, i, i+1)
	return true
}

func (l *layer) forget(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
	if c.inbound {
		l.inbound--
		l.signalIdle()
	}
}

// signalIdle is called with mu held, whenever closed or inbound changes. No
// connection is added after closed, so inbound reaches zero once.
func (l *layer) signalIdle() {
	if l.closed && l.inbound == 0 {
		close(l.idle)
	}
}

// Close stops listening, cuts every connection and waits for the handshakes. It
// does not wait for raft's handlers of accepted connections: drain does.
func (l *layer) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	l.stop()
	err := l.listener.Close()
	for c := range l.conns {
		c.raw.Close()
	}
	l.signalIdle()
	l.mu.Unlock()
	l.loops.Wait()
	return err
}

// drain waits until raft has let go of all accepted connections.
func (l *layer) drain(limit time.Duration) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-l.idle:
		return nil
	case <-timer.C:
		l.mu.Lock()
		defer l.mu.Unlock()
		return fmt.Errorf("%d requests of peers are still being handled after %v", l.inbound, limit)
	}
}
