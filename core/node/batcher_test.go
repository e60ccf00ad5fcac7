package node

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/core/command"
	"github.com/forkbikash/keyval/core/fsm"
)

// fakeLog takes entries as raft does, one at a time.
type fakeLog struct {
	mu      sync.Mutex
	state   *fsm.State
	entries [][]byte
	delay   time.Duration
	err     error
}

type fakeFuture struct {
	raft.IndexFuture
	results []fsm.Result
	err     error
}

func (f fakeFuture) Error() error  { return f.err }
func (f fakeFuture) Response() any { return f.results }
func (fakeFuture) Index() uint64   { return 0 }

func (l *fakeLog) apply(data []byte, _ time.Duration) raft.ApplyFuture {
	time.Sleep(l.delay)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = append(l.entries, data)
	if l.err != nil {
		return fakeFuture{err: l.err}
	}
	commands, err := command.Decode(data)
	if err != nil {
		return fakeFuture{err: err}
	}
	return fakeFuture{results: l.state.Apply(uint64(len(l.entries)), 1, commands)}
}

// closeBatcher closes b, which must answer everything.
func closeBatcher(t *testing.T, b *batcher) {
	t.Helper()
	if !b.close(24 * time.Hour) {
		t.Error("the batcher left proposals unanswered")
	}
}

func put(key string, size int) []byte {
	data, err := command.Marshal(command.Write(command.Put([]byte(key), make([]byte, size))))
	if err != nil {
		panic(err)
	}
	return data
}

func TestBatcherFoldsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &fakeLog{state: fsm.New(), delay: time.Millisecond}
		b := newBatcher(log.apply)
		defer closeBatcher(t, b)
		const proposals = 1000
		revisions := make([]uint64, proposals)
		var wg sync.WaitGroup
		for i := range proposals {
			wg.Go(func() {
				r, err := b.propose(t.Context(), put(fmt.Sprint(i), 16))
				if err != nil || r.Err != nil {
					t.Errorf("proposal %d: %v, %v", i, err, r.Err)
				}
				revisions[i] = r.Revision
			})
		}
		wg.Wait()
		seen := map[uint64]bool{}
		for _, r := range revisions {
			seen[r] = true
		}
		if len(seen) != proposals {
			t.Errorf("%d revisions for %d writes", len(seen), proposals)
		}
		// One alone, then what gathered meanwhile.
		if got := len(log.entries); got > 10 {
			t.Errorf("%d entries for %d proposals that waited together", got, proposals)
		}
	})
}

func TestBatcherBoundsAnEntry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &fakeLog{state: fsm.New(), delay: time.Millisecond}
		b := newBatcher(log.apply)
		defer closeBatcher(t, b)
		var wg sync.WaitGroup
		for i := range 64 {
			wg.Go(func() {
				if _, err := b.propose(t.Context(), put(fmt.Sprint(i), 100<<10)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Go(func() { // larger than an entry should be: it goes alone
			if _, err := b.propose(t.Context(), put("large", 2*maxEntryBytes)); err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
		for i, e := range log.entries {
			commands, err := command.Decode(e)
			if err != nil {
				t.Fatal(err)
			}
			if len(e) > maxEntryBytes+1 && len(commands) > 1 {
				t.Errorf("entry %d has %d commands in %d bytes", i, len(commands), len(e))
			}
		}
	})
}

func TestBatcherPassesErrorsToEveryProposal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &fakeLog{delay: time.Millisecond, err: raft.ErrLeadershipLost}
		b := newBatcher(log.apply)
		defer closeBatcher(t, b)
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if _, err := b.propose(t.Context(), put("k", 1)); !errors.Is(err, raft.ErrLeadershipLost) {
					t.Errorf("got %v, want %v", err, raft.ErrLeadershipLost)
				}
			})
		}
		wg.Wait()
	})
}

func TestBatcherThatClosesAnswersAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &fakeLog{state: fsm.New(), delay: time.Second}
		b := newBatcher(log.apply)
		var wg sync.WaitGroup
		for range 2000 { // more than the queue holds
			wg.Go(func() {
				if _, err := b.propose(t.Context(), put("k", 1)); err != nil && !errors.Is(err, ErrClosed) {
					t.Errorf("got %v, want nil or %v", err, ErrClosed)
				}
			})
		}
		time.Sleep(1500 * time.Millisecond)
		closeBatcher(t, b)
		wg.Wait()
		if _, err := b.propose(t.Context(), put("k", 1)); !errors.Is(err, ErrClosed) {
			t.Errorf("after close: got %v, want %v", err, ErrClosed)
		}
	})
}

func TestBatcherSaysWhetherAProposalWasSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &fakeLog{state: fsm.New(), delay: time.Hour} // a disk that hangs
		b := newBatcher(log.apply)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var mu sync.Mutex
		var wg sync.WaitGroup
		busy, unknown := 0, 0
		for range 3 * maxEntryCommands { // more than an entry and the queue hold
			wg.Go(func() {
				_, err := b.propose(ctx, put("k", 1))
				mu.Lock()
				defer mu.Unlock()
				switch {
				case errors.Is(err, ErrBusy):
					busy++
				case errors.Is(err, ErrUnknownOutcome):
					unknown++
				default:
					t.Errorf("got %v", err)
				}
			})
		}
		wg.Wait()
		if busy == 0 || unknown < maxEntryCommands {
			t.Errorf("%d busy and %d unknown", busy, unknown)
		}
		closeBatcher(t, b)
	})
}

// hungFuture is an entry that raft dropped when it shut down.
type hungFuture struct {
	fakeFuture
	end <-chan struct{}
}

func (f hungFuture) Error() error {
	<-f.end
	return raft.ErrRaftShutdown
}

func TestBatcherThatIsAbandonedAnswersAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		end := make(chan struct{})
		defer close(end) // the bubble waits for the goroutine that is left behind
		b := newBatcher(func([]byte, time.Duration) raft.ApplyFuture { return hungFuture{end: end} })
		done := make(chan error, 1)
		go func() {
			_, err := b.propose(t.Context(), put("k", 1))
			done <- err
		}()
		synctest.Wait()
		if b.close(time.Second) {
			t.Error("an entry without an answer counts as answered")
		}
		b.abandon()
		b.abandon()
		if err := <-done; !errors.Is(err, ErrUnknownOutcome) {
			t.Errorf("got %v, want %v", err, ErrUnknownOutcome)
		}
	})
}

// BenchmarkBatcher shows what folding costs and saves without a disk.
func BenchmarkBatcher(b *testing.B) {
	log := &fakeLog{state: fsm.New()}
	batch := newBatcher(log.apply)
	defer batch.close(time.Minute)
	data := put("key", 128)
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if _, err := batch.propose(context.Background(), data); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/float64(max(1, len(log.entries))), "commands/entry")
}
