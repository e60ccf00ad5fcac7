package process_test

import (
	"errors"
	"fmt"
	"net/url"
	"sync"
	"testing"
	"time"
)

// writes are writers that each write a sequence of new keys through one node,
// and note what was acknowledged. What was not may or may not be there.
type writes struct {
	quit    chan struct{}
	writers sync.WaitGroup
	mu      sync.Mutex
	acked   map[string]string
}

// startWriting has several writers at each node. Their keys begin with prefix.
func startWriting(prefix string, nodes ...*node) *writes {
	const writersPerNode = 3
	w := &writes{quit: make(chan struct{}), acked: make(map[string]string)}
	for _, n := range nodes {
		for i := range writersPerNode {
			w.writers.Go(func() { w.write(n, fmt.Sprintf("%s-%s-%d", prefix, n.id, i)) })
		}
	}
	return w
}

func (w *writes) write(n *node, prefix string) {
	for i := 0; ; i++ {
		key, value := fmt.Sprintf("%s-%d", prefix, i), fmt.Sprint(time.Now().UnixNano())
		pause := time.Duration(0)
		if n.tryPut(key, value) == nil {
			w.mu.Lock()
			w.acked[key] = value
			w.mu.Unlock()
		} else {
			pause = pollInterval // the node may be gone
		}
		select {
		case <-w.quit:
			return
		case <-time.After(pause):
		}
	}
}

func (w *writes) len() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.acked)
}

// awaitMore waits until n more writes are acknowledged.
func (w *writes) awaitMore(t *testing.T, n int) {
	t.Helper()
	before := w.len()
	await(t, "acknowledged writes", func() error {
		if got := w.len() - before; got < n {
			return fmt.Errorf("%d of %d", got, n)
		}
		return nil
	})
}

// stop ends the writers, and returns what was acknowledged.
func (w *writes) stop() map[string]string {
	close(w.quit)
	w.writers.Wait()
	return w.acked
}

// awaitKeys waits until each of nodes has all of keys.
func (c *cluster) awaitKeys(keys map[string]string, nodes ...*node) {
	c.t.Helper()
	for _, n := range nodes {
		missing := make(map[string]string, len(keys))
		for k, v := range keys {
			missing[k] = v
		}
		await(c.t, "the acknowledged keys at "+n.id, func() error {
			var errs []error
			for k, v := range missing {
				if err := n.has(k, v); err != nil {
					errs = append(errs, err)
					continue
				}
				delete(missing, k)
			}
			if len(errs) > 0 {
				return fmt.Errorf("%d of %d are missing, such as: %w", len(errs), len(keys), errs[0])
			}
			return nil
		})
	}
}

// awaitSameState waits until all nodes that run have applied the same and have
// the same state.
func (c *cluster) awaitSameState() {
	c.t.Helper()
	await(c.t, "the nodes to have the same state", func() error {
		states := make(map[string][]string)
		for _, n := range c.running() {
			s, err := n.status()
			if err != nil {
				return err
			}
			state := fmt.Sprintf("revision %d, %d keys, checksum %s", s.Revision, s.Keys, s.Checksum)
			states[state] = append(states[state], n.id)
		}
		if len(states) != 1 {
			return fmt.Errorf("they differ: %v", states)
		}
		return nil
	})
}

// sameEverywhere waits until key is on all nodes that run or on none.
func (c *cluster) sameEverywhere(key string) {
	c.t.Helper()
	await(c.t, key+" to be on all nodes or none", func() error {
		statuses := make(map[int]bool)
		for _, n := range c.running() {
			a, err := n.do("GET", "/key/"+url.PathEscape(key), "")
			if err != nil {
				return err
			}
			statuses[a.status] = true
		}
		if len(statuses) != 1 {
			return errors.New("it is on some")
		}
		return nil
	})
}
