package tcp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/hashicorp/raft"
)

// Dial connects to the node that target names, as withID does, and introduces this
// node, within timeout.
func (l *layer) Dial(target raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	want, address := splitID(target)
	if err := checkID("node", want); err != nil {
		return nil, fmt.Errorf("%s: %w", address, err)
	}
	limit := l.limit
	if timeout > 0 {
		limit = min(limit, timeout)
	}
	deadline := time.Now().Add(limit)
	ctx, cancel := context.WithDeadline(l.ctx, deadline)
	defer cancel()
	c, err := l.connect(ctx, want, address, deadline)
	if err == nil {
		return c, nil
	}
	if l.ctx.Err() != nil {
		return nil, raft.ErrTransportShutdown
	}
	return nil, err
}

func (l *layer) connect(ctx context.Context, want, address string, deadline time.Time) (*conn, error) {
	raw, err := l.dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	c, err := l.track(raw, false)
	if err != nil {
		return nil, err
	}
	if err := l.greet(c, want, address, deadline); err != nil {
		_ = c.Close()
		if stranger := (*strangerError)(nil); errors.As(err, &stranger) {
			l.warnings.warn(address+" "+err.Error(), "cannot talk to a peer", "peer", address, "reason", err.Error())
			return nil, fmt.Errorf("%s %w", address, err)
		}
		return nil, fmt.Errorf("%s: %w", address, err)
	}
	return c, nil
}

// greet is the dialing side of TLS and handshake, under one deadline.
func (l *layer) greet(c *conn, want, address string, deadline time.Time) error {
	if err := c.raw.SetDeadline(deadline); err != nil {
		return err
	}
	if l.tls != nil {
		if err := secure(c, tls.Client(c.raw, clientConfig(l.tls, address))); err != nil {
			return err
		}
	}
	if err := introduce(c, l.self, want); err != nil {
		return err
	}
	return c.raw.SetDeadline(time.Time{})
}
