package guard

import (
	"errors"
	"fmt"
	"sync"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
)

var (
	_ storage.Store          = (*guarded)(nil)
	_ raft.MonotonicLogStore = (*monotonic)(nil)
)

var errClosed = errors.New("log store is closed")

// Wrap guards s. The first write that fails calls onFail, once and before the
// write returns; nil is allowed. What Wrap returns has the optional interfaces
// of hashicorp/raft that s has (at v1.7.3 there is one, MonotonicLogStore), and
// owns s: closing it closes s.
func Wrap(s storage.Store, onFail func(error)) storage.Store {
	if onFail == nil {
		onFail = func(error) {}
	}
	g := &guarded{inner: s, stop: failStop{onFail: onFail}, vote: voteKeeper{inner: s}}
	if m, ok := s.(raft.MonotonicLogStore); ok {
		return &monotonic{guarded: g, inner: m}
	}
	return g
}

// monotonic is a guarded store that also answers IsMonotonic. One type with a
// method that answers false would not do: having it is what Raft asks about.
type monotonic struct {
	*guarded
	inner raft.MonotonicLogStore
}

func (m *monotonic) IsMonotonic() bool { return m.inner.IsMonotonic() }

type guarded struct {
	inner storage.Store
	stop  failStop
	vote  voteKeeper
}

func (g *guarded) FirstIndex() (uint64, error) { return g.inner.FirstIndex() }

func (g *guarded) LastIndex() (uint64, error) { return g.inner.LastIndex() }

func (g *guarded) GetLog(index uint64, log *raft.Log) error { return g.inner.GetLog(index, log) }

func (g *guarded) StoreLog(log *raft.Log) error {
	return g.stop.write("store log entry", func() error { return g.inner.StoreLog(log) })
}

func (g *guarded) StoreLogs(logs []*raft.Log) error {
	return g.stop.write("store log entries", func() error { return g.inner.StoreLogs(logs) })
}

func (g *guarded) DeleteRange(low, high uint64) error {
	return g.stop.write("delete log entries", func() error { return g.inner.DeleteRange(low, high) })
}

func (g *guarded) Set(key, value []byte) error {
	return g.stop.write("save "+string(key), func() error {
		if string(key) == voteCandKey {
			return g.vote.setCandidate(value)
		}
		return g.inner.Set(key, value)
	})
}

func (g *guarded) SetUint64(key []byte, value uint64) error {
	return g.stop.write("save "+string(key), func() error {
		if string(key) == voteTermKey {
			g.vote.holdTerm(value)
			return nil
		}
		return g.inner.SetUint64(key, value)
	})
}

func (g *guarded) Get(key []byte) ([]byte, error) {
	if string(key) == voteCandKey {
		return g.vote.candidate()
	}
	return g.inner.Get(key)
}

func (g *guarded) GetUint64(key []byte) (uint64, error) {
	if string(key) == voteTermKey {
		return g.vote.term()
	}
	return g.inner.GetUint64(key)
}

func (g *guarded) Close() error {
	g.stop.close()
	return g.inner.Close()
}

// failStop lets writes through until one fails.
type failStop struct {
	onFail func(error)

	mu     sync.Mutex
	first  error
	closed bool
	report sync.Once
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
	if first := f.fail(err); first != nil {
		f.report.Do(func() { f.onFail(first) }) // a second failure waits for the report of the first
	}
	return err
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

// fail notes err if it is the first, and returns the first, which is to be
// reported. What fails because the store was closed is no fault of the disk.
func (f *failStop) fail(err error) error {
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
