package tcp

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/transport"
)

var (
	_ transport.Opener = Open
	_ raft.WithPreVote = (*network)(nil)
	_ raft.WithClose   = (*network)(nil)
)

// closeLimit bounds how long Close waits for handlers of peers' requests. They
// run in raft, which may sit on a disk that hangs; a process that ends must not.
const closeLimit = 10 * time.Second

// Open listens on c.Bind and returns once peers can connect. Closing what it
// returns cuts every connection, and waits for all that it started.
func Open(c transport.Config) (transport.Transport, error) {
	o, err := parseOptions(c.Arg)
	if err != nil {
		return nil, fmt.Errorf("tcp transport: %w", err)
	}
	addr, err := checkAddresses(c.Bind, c.Advertise)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(checkID("cluster", c.ClusterID), checkID("node", c.ID)); err != nil {
		return nil, fmt.Errorf("tcp transport: %w", err)
	}
	secure, err := tlsConfig(c.TLS)
	if err != nil {
		return nil, fmt.Errorf("tcp transport: %w", err)
	}
	log := c.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	l, err := listen(c.Bind, addr, identity{cluster: c.ClusterID, node: c.ID}, o.timeout, secure, log)
	if err != nil {
		return nil, err
	}
	n := &network{layer: l, bridge: bridge{log: log}, pipelines: map[*pipeline]struct{}{}}
	n.NetworkTransport = raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
		Stream:          l,
		Logger:          n.bridge.logger(),
		MaxPool:         o.pool,
		MaxRPCsInFlight: o.inflight,
		Timeout:         o.timeout,
	})
	return n, nil
}

// network is raft's network transport, mended where it falls short of what
// [transport.Transport] promises.
type network struct {
	*raft.NetworkTransport
	layer  *layer
	bridge bridge

	close    sync.Once
	closeErr error

	mu        sync.Mutex
	closed    bool
	pipelines map[*pipeline]struct{}
}

// Close implements io.Closer. raft's own Close leaves accepted and pooled
// connections open, and pipelines waiting; here they all end.
func (n *network) Close() error {
	n.close.Do(func() {
		n.bridge.closing.Store(true)
		// raft tells its handlers to stop, then closes the layer, which cuts
		// whatever they wait for. Only after that can the rest be waited for.
		err := n.NetworkTransport.Close()
		n.closePipelines()
		n.CloseStreams()
		n.closeErr = errors.Join(err, n.layer.drain(closeLimit))
	})
	return n.closeErr
}

// exactly reads left more bytes of r; an earlier end is an error.
type exactly struct {
	r    io.Reader
	left int64
}

func (e *exactly) Read(p []byte) (int, error) {
	if e.left <= 0 {
		return 0, io.EOF
	}
	if int64(len(p)) > e.left {
		p = p[:e.left]
	}
	n, err := e.r.Read(p)
	e.left -= int64(n)
	if errors.Is(err, io.EOF) && e.left > 0 {
		err = fmt.Errorf("the snapshot ends %d bytes early: %w", e.left, io.ErrUnexpectedEOF)
	}
	return n, err
}
