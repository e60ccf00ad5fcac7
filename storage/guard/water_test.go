package guard

import (
	"bytes"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// clockedFile is a file whose syncs take time, and that notes when each ended
// and what it made durable.
type clockedFile struct {
	takes time.Duration
	held  time.Duration // how long the first write is under way before it happens
	err   error

	mu      sync.Mutex
	content []byte
	began   time.Time
	syncs   []time.Duration // since began
	durable uint64
}

func (f *clockedFile) WriteAt(b []byte, at int64) (int, error) {
	f.mu.Lock()
	held := f.held
	f.held = 0
	f.mu.Unlock()
	time.Sleep(held)
	f.mu.Lock()
	defer f.mu.Unlock()
	return copy(f.content[at:], b), nil
}

func (f *clockedFile) Sync() error {
	f.mu.Lock()
	content := bytes.Clone(f.content)
	f.mu.Unlock()
	time.Sleep(f.takes)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return f.err
	}
	r, _, err := decodeMark(content)
	f.durable = r.high
	f.syncs = append(f.syncs, time.Since(f.began))
	return err
}

func (f *clockedFile) Close() error { return nil }

func (f *clockedFile) seen() (durable uint64, syncs []time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.durable, f.syncs
}

func inBubble(t *testing.T, f *clockedFile, strict bool, do func(*testing.T, *water)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f.content, f.began = encodeMark(record{}), time.Now()
		w := newWater(&mark{file: f}, record{}, strict, func(err error) { t.Errorf("reported: %v", err) })
		w.start()
		defer w.stop()
		do(t, w)
	})
}

func raise(t *testing.T, w *water, index uint64) {
	t.Helper()
	if err := w.raise(index, index); err != nil {
		t.Fatalf("raise to %d: %v", index, err)
	}
}

func TestMarkIsWrittenAtOnceWhenIdle(t *testing.T) {
	f := &clockedFile{}
	inBubble(t, f, false, func(t *testing.T, w *water) {
		raise(t, w, 7)
		if _, syncs := f.seen(); len(syncs) != 0 {
			t.Errorf("got a sync in the path of the append")
		}
		time.Sleep(time.Second)
		if durable, syncs := f.seen(); durable != 7 || len(syncs) != 1 || syncs[0] != quiet {
			t.Errorf("got a mark of %d after syncs at %v, want 7 after one at %v", durable, syncs, quiet)
		}
		raise(t, w, 8)
		time.Sleep(time.Second)
		if durable, _ := f.seen(); durable != 8 {
			t.Errorf("got a mark of %d a second after 8 was acknowledged", durable)
		}
	})
}

// TestMarkIsNeverBehindTheWindow appends without a pause and with all kinds of
// disks, and looks before each acknowledgement.
func TestMarkIsNeverBehindTheWindow(t *testing.T) {
	for _, takes := range []time.Duration{0, time.Millisecond, 40 * time.Millisecond, 300 * time.Millisecond} {
		f := &clockedFile{takes: takes}
		inBubble(t, f, false, func(t *testing.T, w *water) {
			acknowledged := []time.Time{time.Now()} // by index
			waited := false
			for index := uint64(1); index <= 3000; index++ {
				time.Sleep(time.Millisecond)
				began := time.Now()
				raise(t, w, index)
				waited = waited || time.Since(began) > 0
				durable, _ := f.seen()
				if durable+1 < index {
					if behind := began.Sub(acknowledged[durable+1]); behind >= window && time.Since(began) == 0 {
						t.Fatalf("syncs of %v: %d was acknowledged while the mark was at %d, %v behind", takes, index, durable, behind)
					}
				}
				acknowledged = append(acknowledged, time.Now())
			}
			if slow := takes > window; waited != slow {
				t.Errorf("syncs of %v: an append had to wait for one: %v, want %v", takes, waited, slow)
			}
			if _, syncs := f.seen(); takes == 0 && len(syncs) > 3000/int(lag/time.Millisecond)+1 {
				t.Errorf("got %d syncs in 3 s of unbroken appends, want one in %v", len(syncs), lag)
			}
		})
	}
}

func TestStrictMarkIsWrittenBeforeTheAcknowledgement(t *testing.T) {
	f := &clockedFile{takes: time.Millisecond}
	inBubble(t, f, true, func(t *testing.T, w *water) {
		for index := uint64(1); index <= 10; index++ {
			raise(t, w, index)
			if durable, _ := f.seen(); durable != index {
				t.Errorf("got a mark of %d when %d was acknowledged", durable, index)
			}
		}
	})
}

// TestLoweringWaitsForAWriteUnderWay, which would raise the mark again.
func TestLoweringWaitsForAWriteUnderWay(t *testing.T) {
	f := &clockedFile{held: 20 * time.Millisecond}
	inBubble(t, f, false, func(t *testing.T, w *water) {
		raise(t, w, 9)
		time.Sleep(quiet + time.Millisecond) // the write of 9 has begun
		if err := w.set(func(r *record) { r.high = 4 }); err != nil {
			t.Fatal(err)
		}
		if durable, _ := f.seen(); durable != 4 {
			t.Errorf("got a mark of %d when it had been lowered to 4", durable)
		}
		time.Sleep(time.Second)
		if durable, _ := f.seen(); durable != 4 {
			t.Errorf("got a mark of %d a second later, want 4", durable)
		}
	})
}

func TestMarkThatCannotBeWrittenIsReported(t *testing.T) {
	broken := errors.New("disk on fire")
	synctest.Test(t, func(t *testing.T) {
		f := &clockedFile{content: encodeMark(record{}), err: broken}
		var w *water
		var reported error
		w = newWater(&mark{file: f}, record{}, false, func(err error) {
			reported = err
			w.stop() // as who ends the process does; it must not hang
		})
		w.start()
		raise(t, w, 1)
		time.Sleep(time.Second)
		synctest.Wait()
		if !errors.Is(reported, broken) {
			t.Errorf("got %v reported, want the error of the disk", reported)
		}
	})
}
