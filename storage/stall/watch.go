package stall

import (
	"fmt"
	"sync"
	"time"
)

// Error is what a call of the store, and every later one, returns once one has
// hung.
type Error struct {
	Call  string        // the method that did not return
	After time.Duration // the timeout
}

func (e *Error) Error() string {
	return fmt.Sprintf("the log store hangs: %s did not return within %v", e.Call, e.After)
}

// A call hangs when it was under way at hungTicks ticks in a row, and is worth a
// warning at half of them.
const (
	hungTicks = 8
	slowTicks = hungTicks / 2
)

// Watch knows which calls of a store are under way. Its methods may be called
// from several goroutines.
type Watch struct {
	timeout time.Duration
	onFail  func(error)
	report  sync.Once // onFail; whoever comes second waits until it has returned

	mu      sync.Mutex
	calls   []call // as many as ever ran at once
	timer   *time.Timer
	ticking bool
	closed  bool
	hung    *Error
}

// call is one that is under way; its name is empty while there is none.
type call struct {
	name  string
	ticks int // that it saw, each a full interval after the one before
}

func newWatch(timeout time.Duration, onFail func(error)) *Watch {
	if onFail == nil {
		onFail = func(error) {}
	}
	w := &Watch{timeout: max(timeout, time.Millisecond), onFail: onFail}
	w.timer = time.AfterFunc(time.Hour, w.tick)
	w.timer.Stop()
	return w
}

// Err is nil while all is well. Otherwise the node should be given no traffic:
// a call takes long, at least half of the timeout, or one has hung.
func (w *Watch) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.hung != nil {
		return w.hung
	}
	for _, c := range w.calls {
		if c.name != "" && c.ticks >= slowTicks {
			return fmt.Errorf("the log store is slow: %s has not returned for %v, and the node stops at %v",
				c.name, w.timeout*time.Duration(c.ticks)/hungTicks, w.timeout)
		}
	}
	return nil
}

// do runs a call and watches it.
func (w *Watch) do(name string, run func() error) (err error) {
	slot, err := w.begin(name)
	if err != nil {
		return err
	}
	defer func() { // also when it panics
		if hung := w.end(slot); hung != nil {
			err = w.fail(hung)
		}
	}()
	return run()
}

// begin notes a call, unless one has hung.
func (w *Watch) begin(name string) (slot int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.hung != nil {
		return 0, w.hung
	}
	c := call{name: name}
	switch {
	case w.ticking:
		c.ticks = -1 // the next tick comes too soon to count
	case !w.closed:
		w.ticking = true
		w.timer.Reset(w.timeout / hungTicks)
	}
	for i := range w.calls {
		if w.calls[i].name == "" {
			w.calls[i] = c
			return i, nil
		}
	}
	w.calls = append(w.calls, c)
	return len(w.calls) - 1, nil
}

func (w *Watch) end(slot int) *Error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls[slot] = call{}
	return w.hung
}

// tick ages the calls that are under way. It goes on for as long as there are
// any, so a store that is not used costs nothing.
func (w *Watch) tick() {
	if hung := w.age(); hung != nil {
		_ = w.fail(hung) // it is reported; there is nobody to return it to
	}
}

func (w *Watch) age() *Error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ticking = false
	if w.closed || w.hung != nil {
		return w.hung
	}
	for i := range w.calls {
		c := &w.calls[i]
		if c.name == "" {
			continue
		}
		w.ticking = true
		if c.ticks++; c.ticks >= hungTicks {
			w.hung = &Error{Call: c.name, After: w.timeout}
		}
	}
	switch {
	case w.hung != nil:
		w.ticking = false
	case w.ticking:
		w.timer.Reset(w.timeout / hungTicks)
	}
	return w.hung
}

// fail returns once onFail was told.
func (w *Watch) fail(hung *Error) error {
	w.report.Do(func() { w.onFail(hung) })
	return hung
}

// stop ends the watch. It returns the error of a call that has hung.
func (w *Watch) stop() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.hung != nil {
		return w.hung
	}
	w.closed = true
	w.timer.Stop()
	return nil
}
