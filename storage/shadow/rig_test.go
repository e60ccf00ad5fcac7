package shadow_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/faulty"
	"github.com/forkbikash/keyval/storage/memstore"
	"github.com/forkbikash/keyval/storage/shadow"
)

var errDisk = errors.New("disk on fire")

func batch(from, to, term uint64) []*raft.Log {
	var logs []*raft.Log
	for i := from; i <= to; i++ {
		logs = append(logs, &raft.Log{
			Index: i, Term: term, Data: fmt.Append(nil, "data ", i, term), Extensions: []byte("x"),
			AppendedAt: time.Unix(1700000000, int64(i)),
		})
	}
	return logs
}

// A rig is a store with a candidate in its shadow, each of which can be made to
// fail. It is used within a bubble of synctest.
type rig struct {
	t              *testing.T
	onPrimary      faulty.Script
	onCandidate    faulty.Script
	primary        storage.Store // below its faults
	candidate      storage.Store
	store          storage.Store
	shadow         *shadow.Shadow
	log            locked
	options        shadow.Options
	noGaps         bool // the candidate takes none
	primaryHasNone bool
}

// locked is a buffer for the log.
type locked struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// start begins the shadow over what the primary holds by then.
func (r *rig) start() {
	r.t.Helper()
	if r.primary == nil {
		r.primary = memstore.New()
	}
	r.candidate = memstore.New()
	o := r.options
	o.Logger = slog.New(slog.NewTextHandler(&r.log, nil))
	if o.Open == nil {
		o.Open = func() (storage.Store, error) {
			return gapless(faulty.Wrap(r.candidate, &r.onCandidate), r.noGaps), nil
		}
	}
	primary := gapless(faulty.Wrap(r.primary, &r.onPrimary), r.primaryHasNone)
	r.store, r.shadow = shadow.Wrap(primary, o)
	r.t.Cleanup(func() { _ = r.store.Close() }) // the primary's error is not what is tested
}

// inBubble runs test with a rig that has not been started.
func inBubble(t *testing.T, test func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(&rig{t: t}) })
}

// must fails the test at an error.
func (r *rig) must(errs ...error) {
	r.t.Helper()
	if err := errors.Join(errs...); err != nil {
		r.t.Fatal(err)
	}
}

// settled waits until the candidate has done all, and returns the report.
func (r *rig) settled() shadow.Report {
	r.t.Helper()
	synctest.Wait()
	rep := r.shadow.Report()
	if rep.Waiting != 0 {
		r.t.Errorf("%d calls wait: %+v", rep.Waiting, rep)
	}
	return rep
}

// readAll reads what a Raft could: each index from low to high, the bounds, keys.
func (r *rig) readAll(low, high uint64) (n uint64) {
	for i := low; i <= high; i++ {
		_ = r.store.GetLog(i, new(raft.Log)) // what it says is not what is tested
		synctest.Wait()                      // so that the queue never fills
		n++
	}
	_, _ = r.store.FirstIndex()
	_, _ = r.store.LastIndex()
	_, _ = r.store.Get([]byte("k"))
	_, _ = r.store.GetUint64([]byte("n"))
	return n + 4
}

// gapless refuses entries that do not follow the last, as raft-wal does.
func gapless(s storage.Store, wanted bool) storage.Store {
	if !wanted {
		return s
	}
	return contiguous{s}
}

type contiguous struct{ storage.Store }

func (contiguous) IsMonotonic() bool { return true }

func (c contiguous) StoreLog(l *raft.Log) error { return c.StoreLogs([]*raft.Log{l}) }

func (c contiguous) StoreLogs(logs []*raft.Log) error {
	last, err := c.LastIndex()
	if err != nil {
		return err
	}
	for _, l := range logs {
		if last != 0 && l.Index != last+1 {
			return fmt.Errorf("entry %d after %d", l.Index, last)
		}
		last = l.Index
	}
	return c.Store.StoreLogs(logs)
}

func (c contiguous) DeleteRange(low, high uint64) error {
	first, errFirst := c.FirstIndex()
	last, errLast := c.LastIndex()
	if err := errors.Join(errFirst, errLast); err != nil {
		return err
	}
	if low <= high && low > first && high < last {
		return fmt.Errorf("deleting %d to %d out of the middle of %d to %d", low, high, first, last)
	}
	return c.Store.DeleteRange(low, high)
}
