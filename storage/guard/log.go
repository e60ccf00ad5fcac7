package guard

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
)

// watchedLog is a store whose entries carry checksums and whose acknowledged
// end is kept in a mark.
type watchedLog struct {
	storage.Store
	dir    string
	logger *slog.Logger
	seal   bool // entries are stored with a checksum
	stop   *failStop

	// sums is replaced before what it says of an entry can change, so that who has
	// read an entry and finds it amiss asks whether it was replaced meanwhile.
	sums atomic.Pointer[spans]

	mu    sync.Mutex // one write of the end of the log at a time
	last  uint64     // the end of the log, where entries are stored with a checksum
	water *water     // nil without a mark

	closing sync.Once
	closed  error
}

// GetLog reads the entry at index. One that is not as it was stored is reported
// to the fail-stop: Raft would panic over it, or take it for a gap.
func (l *watchedLog) GetLog(index uint64, log *raft.Log) error {
	err := l.read(index, log)
	if damaged := (*damageError)(nil); errors.As(err, &damaged) {
		l.stop.fail(err)
	}
	return err
}

// remedy is what helps against a log that lost something.
const remedy = "restore the directory from before, or join again as a new member with an empty one"

// damageError is an entry that is not what was stored.
type damageError struct {
	index  uint64
	dir    string
	reason error
}

func (e *damageError) Error() string {
	return fmt.Sprintf("log entry %d in %s is damaged: %v: %s", e.index, e.dir, e.reason, remedy)
}

func (e *damageError) Unwrap() error { return e.reason }

func (l *watchedLog) read(index uint64, log *raft.Log) error {
	for {
		sums := l.sums.Load()
		if err := l.Store.GetLog(index, log); err != nil {
			return err
		}
		err := l.check(sums.has(index), index, log)
		if err == nil {
			return nil
		}
		if l.sums.Load() == sums {
			*log = raft.Log{}
			return &damageError{index, l.dir, err}
		}
	}
}

// check takes the checksum off an entry, and says whether the entry is whole.
// Where none is due there may be one all the same, of a guard that was worn
// before; only one that fits is taken for that.
func (l *watchedLog) check(due bool, index uint64, log *raft.Log) error {
	if err := unseal(log); err != nil && due {
		if errors.Is(err, errNoTrailer) {
			err = fmt.Errorf("%w though it was stored with one; or the log was written without its guard", err)
		}
		return err
	}
	if due && log.Index != index {
		return fmt.Errorf("it is entry %d", log.Index)
	}
	return nil
}

func (l *watchedLog) StoreLog(log *raft.Log) error {
	return l.append([]*raft.Log{log}, func(logs []*raft.Log) error { return l.Store.StoreLog(logs[0]) })
}

func (l *watchedLog) StoreLogs(logs []*raft.Log) error {
	return l.append(logs, l.Store.StoreLogs)
}

func (l *watchedLog) append(logs []*raft.Log, store func([]*raft.Log) error) error {
	if len(logs) == 0 || l.water == nil {
		return store(logs)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	lowest, highest := logs[0].Index, logs[0].Index
	for _, e := range logs {
		lowest, highest = min(lowest, e.Index), max(highest, e.Index)
	}
	if !l.seal {
		if err := l.disclaim(lowest); err != nil {
			return err
		}
		return store(logs)
	}
	if err := l.allowGaps(logs); err != nil {
		return err
	}
	if err := store(seal(logs)); err != nil {
		return err
	}
	l.last = max(l.last, highest)
	return l.water.raise(lowest, highest)
}

// allowGaps has the mark say which indexes the log will not have, before logs
// are stored that leave some out, as after a snapshot was installed.
func (l *watchedLog) allowGaps(logs []*raft.Log) error {
	sums, last := *l.sums.Load(), l.last
	if last != 0 && logs[0].Index <= last {
		// Raft appends at the end. Who puts entries in front of the log may leave a
		// gap there, and forgoes what is known of those that follow.
		first, err := l.Store.FirstIndex()
		if err != nil {
			return err
		}
		if logs[0].Index < first {
			sums = spans{}.opened(last + 1)
		}
	}
	for _, e := range logs {
		if last != 0 && e.Index > last+1 {
			sums = sums.below(last + 1).opened(e.Index)
		}
		last = max(last, e.Index)
	}
	if sums.same(*l.sums.Load()) {
		return nil
	}
	return l.change(func(r *record) { r.sums = sums })
}

// disclaim readies the entries from index on for being stored without checksum.
func (l *watchedLog) disclaim(index uint64) error {
	sums := l.sums.Load().below(index)
	if sums.same(*l.sums.Load()) {
		return nil
	}
	return l.change(func(r *record) { r.sums = sums })
}

// change has the record changed durably, and readers know.
func (l *watchedLog) change(change func(*record)) error {
	return l.water.set(func(r *record) {
		change(r)
		sums := r.sums
		l.sums.Store(&sums)
	})
}

// DeleteRange has the mark expect no more than what will be left, before it
// removes anything.
func (l *watchedLog) DeleteRange(low, high uint64) error {
	if l.water == nil || low > high {
		return l.Store.DeleteRange(low, high)
	}
	l.mu.Lock()
	first, last, err := bounds(l.Store)
	if err == nil && low <= last && high >= last {
		defer l.mu.Unlock()
		return l.cutEnd(low, high, first)
	}
	if err == nil && high >= first && high < last {
		err = l.cutBefore(low, high, first)
	}
	// Entries may be appended meanwhile, which is why the lock is not held: Raft
	// cuts the head in the background.
	l.mu.Unlock()
	if err != nil {
		return err
	}
	return l.Store.DeleteRange(low, high)
}

// cutBefore readies the mark for the removal of the entries from low to high,
// after which there are more.
func (l *watchedLog) cutBefore(low, high, first uint64) error {
	if low > first {
		sums := append(l.sums.Load().below(low), l.sums.Load().above(high)...)
		return l.change(func(r *record) { r.sums = sums })
	}
	if !l.seal {
		return nil
	}
	return l.change(func(r *record) { r.low = max(r.low, high+1) })
}

// cutEnd removes the entries from low on. What the mark says holds at each
// moment: it is lowered first, and only when the entries are gone that carry no
// checksum is one due at their indexes.
func (l *watchedLog) cutEnd(low, high, first uint64) error {
	if !l.seal {
		if err := l.disclaim(low); err != nil {
			return err
		}
		return l.Store.DeleteRange(low, high)
	}
	end, err := l.endBelow(low, first)
	if err != nil {
		return err
	}
	then := l.sums.Load().below(low).opened(low)
	err = l.change(func(r *record) {
		r.high = end
		if low <= first { // nothing is left, and the log may go on lower
			r.low, then = 0, spans{{0, unending}}
		}
	})
	if err != nil {
		return err
	}
	if err := l.Store.DeleteRange(low, high); err != nil {
		return err
	}
	if l.last, err = l.Store.LastIndex(); err != nil {
		return err
	}
	if end == l.last && then.same(*l.sums.Load()) {
		return nil
	}
	return l.change(func(r *record) { r.high, r.sums = l.last, then })
}

// endBelow is where the log will end when it is cut at low, or 0 where only a
// search could tell, because there is a gap.
func (l *watchedLog) endBelow(low, first uint64) (uint64, error) {
	if low <= first {
		return 0, nil
	}
	err := l.Store.GetLog(low-1, new(raft.Log))
	if errors.Is(err, raft.ErrLogNotFound) {
		return 0, nil
	}
	return low - 1, err
}

// Close closes the store and notes that it was closed, unless a write failed:
// then nobody knows what is on disk.
func (l *watchedLog) Close() error {
	l.closing.Do(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.water != nil && l.seal {
			l.water.stop()
		}
		l.closed = l.Store.Close()
		if l.water == nil {
			return
		}
		if l.seal && l.closed == nil && !l.stop.failed() {
			l.closed = l.water.set(func(r *record) { r.clean = true })
		}
		l.closed = errors.Join(l.closed, l.water.mark.file.Close())
	})
	return l.closed
}
