package httpapi

import (
	"net"
	"net/http"
	"sync"
)

// silent are a server's connections on which nothing was ever sent, such as a
// client's spare ones. Shutdown takes each for a request that is about to come
// until it is five seconds old, and a node that stops would wait for them.
type silent struct {
	mu      sync.Mutex
	conns   map[net.Conn]struct{}
	closing bool
}

// note is a server's ConnState hook.
func (s *silent) note(c net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case state != http.StateNew:
		delete(s.conns, c)
	case s.closing: // accepted just before the listener was closed
		_ = c.Close()
	default:
		s.conns[c] = struct{}{}
	}
}

// close cuts them. No request was begun on any.
func (s *silent) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closing = true
	for c := range s.conns {
		_ = c.Close()
	}
}
