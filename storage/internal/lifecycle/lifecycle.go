// Package lifecycle keeps the methods of a log store apart from its Close.
//
// The engines below the stores differ in what a call after Close does: an
// error, a panic, a nil dereference when the two race. A [Gate] makes it one
// answer. Every store of this module passes through one.
package lifecycle

import (
	"errors"
	"sync"
)

var (
	// ErrClosed is the answer of every method after Close.
	ErrClosed = errors.New("log store is closed")

	// ErrReadOnly is the answer of every write to a store opened for reading.
	ErrReadOnly = errors.New("log store is open for reading only")
)

// Gate lets calls in while the store is open. The zero value is open for
// reading and writing.
type Gate struct {
	// ReadOnly is set before the first call and never changed.
	ReadOnly bool

	mu     sync.RWMutex
	closed bool
	err    error
}

// Enter admits a read. If it returned nil, Leave must follow.
func (g *Gate) Enter() error {
	g.mu.RLock()
	if g.closed {
		g.mu.RUnlock()
		return ErrClosed
	}
	return nil
}

// EnterWrite admits a write. If it returned nil, Leave must follow.
func (g *Gate) EnterWrite() error {
	if err := g.Enter(); err != nil {
		return err
	}
	if g.ReadOnly {
		g.Leave()
		return ErrReadOnly
	}
	return nil
}

// Leave ends what Enter or EnterWrite admitted.
func (g *Gate) Leave() { g.mu.RUnlock() }

// Close waits until nobody is inside, then runs release, the first time only.
// Every call returns what release did.
func (g *Gate) Close(release func() error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return g.err
	}
	g.closed = true
	g.err = release()
	return g.err
}
