package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/forkbikash/keyval/core/node"
	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/stall"
)

// watch has the node end when a call of store hangs.
func (s *server) watch(store storage.Store) storage.Store {
	if s.cfg.StallTimeout == 0 {
		return store
	}
	store, s.id.stall = stall.Wrap(store, s.cfg.StallTimeout, s.failHung)
	return store
}

// failHung ends the process whatever waits for the log store, Raft above all.
func (s *server) failHung(err error) {
	err = fmt.Errorf("%w: this node ends, so that another leads", err)
	s.hung <- err // it is called once
	s.fail(err)
}

func isStall(err error) bool { return errors.As(err, new(*stall.Error)) }

// openUnlessHung is open, which writes to the log and may hang with it. What it
// then holds is left to the end of the process.
func (s *server) openUnlessHung(ctx context.Context) error {
	opened := make(chan error, 1)
	go func() { opened <- s.open(ctx) }()
	select {
	case err := <-opened:
		return err
	case err := <-s.hung:
		return err
	}
}

// checks are the conditions of GET /readyz that the node itself does not know.
func (s *server) checks() []node.Check {
	if s.id.stall == nil {
		return nil
	}
	if err := s.id.stall.Err(); err != nil {
		return []node.Check{{Name: "log_store", Reason: err.Error()}}
	}
	return []node.Check{{Name: "log_store", OK: true}}
}

// facesGrace bounds how long a node whose log store hangs still talks to others.
const facesGrace = time.Second

// faces are what others see of the node. One whose log store hangs closes these
// and nothing else, since everything else waits for Raft, and Raft for the log
// store. It does not leave them to the end of the process, which itself may have
// to wait in the kernel for the disk: the sockets would stay open, and clients
// and peers hang on them.
type faces struct {
	mu  sync.Mutex
	all []func() error
}

func (f *faces) add(closeFace func() error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = append(f.all, closeFace)
}

// close returns when all are closed, or after a while.
func (f *faces) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	var closing sync.WaitGroup
	for _, closeFace := range f.all {
		closing.Go(func() { _ = closeFace() }) // the node fails for a better reason
	}
	done := make(chan struct{})
	go func() {
		closing.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(facesGrace):
	}
}
