package tcp

import (
	"net"
	"sync"
)

// conn is a connection that its layer knows of until it is closed, so that
// closing the layer cuts it whoever holds it: raft keeps accepted and pooled
// connections open when it closes.
type conn struct {
	net.Conn // raw, or TLS over it once that is set up

	// raw is what the layer closes: closing TLS waits to say goodbye.
	raw     net.Conn
	owner   *layer
	inbound bool
	forget  sync.Once
}

// Close may be called more than once. For an inbound connection it is the last
// thing that raft's handler does, which is how the layer knows that it ended.
func (c *conn) Close() error {
	err := c.Conn.Close()
	c.forget.Do(func() { c.owner.forget(c) })
	return err
}
