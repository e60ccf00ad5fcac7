package guard

import (
	"sync"
	"time"
)

const (
	// window is how far the mark may be behind: no entry is acknowledged while it
	// lacks one that was acknowledged longer ago.
	window = 100 * time.Millisecond

	// lag is when the mark is written at the latest under unbroken appends. What
	// is left of the window is the disk's.
	lag = window / 2

	// quiet is how long no entry must have come for the log to be idle, and the
	// mark to be written at once. Shorter, and it would be written between any two
	// appends, and they would wait for each other's syncs.
	quiet = 5 * time.Millisecond
)

// water keeps the high-water mark: the index up to which entries have been
// acknowledged. Raising it is no work on the path of an append, except in strict
// mode; every other change of the record is durable before it returns.
type water struct {
	strict bool
	fail   func(error) // told when the mark cannot be written in the background

	// writing has room for who writes the file; it is taken before mu. It is no
	// mutex, since virtual time stands still while somebody waits for one.
	writing chan struct{}
	mark    *mark

	mu      sync.Mutex
	rec     record    // what the file should say
	pending time.Time // when the oldest acknowledged index was that no write has taken up; zero if none
	writes  time.Time // pending of the write that is under way; zero if none is
	touched time.Time // when the newest was acknowledged

	wake chan struct{}
	quit chan struct{}
	done chan struct{}
}

func newWater(m *mark, rec record, strict bool, fail func(error)) *water {
	return &water{
		strict: strict, fail: fail, mark: m, rec: rec,
		writing: make(chan struct{}, 1),
		wake:    make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{}),
	}
}

// start keeps the file up to date in the background until stop.
func (w *water) start() {
	go func() {
		err := w.run()
		close(w.done) // before fail, which may close the store, and that waits for this
		if err != nil {
			w.fail(err)
		}
	}()
}

func (w *water) stop() {
	close(w.quit)
	<-w.done
}

// raise notes that entries from first to last are about to be acknowledged.
func (w *water) raise(first, last uint64) error {
	w.mu.Lock()
	if last <= w.rec.high {
		w.mu.Unlock()
		return nil
	}
	if w.strict {
		w.mu.Unlock()
		return w.set(func(r *record) { r.reach(first, last) })
	}
	now := time.Now()
	overdue := tooOld(w.writes, now) || tooOld(w.pending, now)
	w.rec.reach(first, last)
	w.touched = now
	if w.pending.IsZero() {
		w.pending = now
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
	w.mu.Unlock()
	if overdue {
		return w.flush()
	}
	return nil
}

func tooOld(since, now time.Time) bool { return !since.IsZero() && now.Sub(since) >= window }

// set changes the record and has it in the file before it returns.
func (w *water) set(change func(*record)) error {
	w.writing <- struct{}{}
	defer func() { <-w.writing }()
	w.mu.Lock()
	change(&w.rec)
	rec := w.rec
	w.pending = time.Time{}
	w.mu.Unlock()
	return w.mark.write(rec)
}

// flush brings the file up to date, which may mean to wait for a write that is
// under way.
func (w *water) flush() error {
	w.writing <- struct{}{}
	defer func() { <-w.writing }()
	w.mu.Lock()
	rec, behind := w.rec, !w.pending.IsZero()
	w.writes, w.pending = w.pending, time.Time{}
	w.mu.Unlock()
	if !behind {
		return w.mark.broken
	}
	err := w.mark.write(rec)
	w.mu.Lock()
	w.writes = time.Time{}
	w.mu.Unlock()
	return err
}

func (w *water) run() error {
	for {
		select {
		case <-w.quit:
			return nil
		case <-w.wake:
		}
		for {
			wait, behind := w.due()
			if !behind {
				break
			}
			if wait > 0 {
				select {
				case <-w.quit:
					return nil
				case <-time.After(wait):
				}
				continue
			}
			if err := w.flush(); err != nil {
				return err
			}
		}
	}
}

// due says in how long the mark is to be written, if it is behind.
func (w *water) due() (wait time.Duration, behind bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pending.IsZero() {
		return 0, false
	}
	now := time.Now()
	return min(w.touched.Add(quiet).Sub(now), w.pending.Add(lag).Sub(now)), true
}
