package guard

import (
	"errors"
	"fmt"
	"sync"
)

var errClosed = errors.New("log store is closed")

// failStop lets writes through until one fails, or an entry is found damaged.
type failStop struct {
	onFail func(error)

	mu     sync.Mutex
	first  error
	closed bool
	report sync.Once
}

func newFailStop(onFail func(error)) *failStop {
	if onFail == nil {
		onFail = func(error) {}
	}
	return &failStop{onFail: onFail}
}

// write runs do unless an earlier write failed. A write that was already
// running when another failed is not acknowledged either.
func (f *failStop) write(what string, do func() error) error {
	if err := f.refusal(what); err != nil {
		return err
	}
	err := do()
	if err == nil {
		return f.refusalAfter(what)
	}
	err = fmt.Errorf("%s: %w", what, err)
	f.fail(err)
	return err
}

// fail stops writes because of err, and reports it if it is the first.
func (f *failStop) fail(err error) {
	if first := f.note(err); first != nil {
		f.report.Do(func() { f.onFail(first) }) // a second failure waits for the report of the first
	}
}

// failed says whether writes are stopped.
func (f *failStop) failed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.first != nil
}

func (f *failStop) refusal(what string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return fmt.Errorf("%s: %w", what, errClosed)
	}
	return f.stopped(what)
}

// refusalAfter does not mind a Close that came meanwhile: what was written
// before it is written.
func (f *failStop) refusalAfter(what string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.stopped(what)
}

func (f *failStop) stopped(what string) error {
	if f.first == nil {
		return nil
	}
	return fmt.Errorf("%s: log store takes no writes since one failed: %w", what, f.first)
}

// note keeps err if it is the first, and returns the first, which is to be
// reported. What fails because the store was closed is no fault of the disk.
func (f *failStop) note(err error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil
	}
	if f.first == nil {
		f.first = err
	}
	return f.first
}

func (f *failStop) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
}
