package node

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/core/command"
	"github.com/forkbikash/keyval/core/fsm"
)

const (
	// An entry is closed at these limits. They bound what one sync carries and
	// how long the state is locked for one entry; beyond a few hundred commands a
	// larger entry saves nothing more.
	maxEntryCommands = 512
	maxEntryBytes    = 1 << 20

	// Entries handed to Raft whose answers have not come yet.
	maxEntriesInFlight = 128
)

// proposal is one command on its way into the log.
type proposal struct {
	data []byte // as command.Marshal made it
	done chan outcome
}

type outcome struct {
	result fsm.Result
	err    error // raft's, or why the replica failed
}

// batcher folds the proposals that are waiting into one log entry. It never
// waits for more: while Raft is busy with an entry, the next one gathers by
// itself, and a lone proposal goes at once.
type batcher struct {
	apply func(data []byte, timeout time.Duration) raft.ApplyFuture
	queue chan *proposal
	sent  chan entryInFlight
	stop  chan struct{} // closed to end
	ended chan struct{} // closed when every answer was given
	lost  chan struct{} // closed when no more answers are waited for

	stopOnce, giveUpOnce sync.Once
}

type entryInFlight struct {
	future    raft.ApplyFuture
	proposals []*proposal
}

func newBatcher(apply func([]byte, time.Duration) raft.ApplyFuture) *batcher {
	b := &batcher{
		apply: apply,
		queue: make(chan *proposal, maxEntryCommands),
		sent:  make(chan entryInFlight, maxEntriesInFlight),
		stop:  make(chan struct{}),
		ended: make(chan struct{}),
		lost:  make(chan struct{}),
	}
	go b.send()
	go b.receive()
	return b
}

// propose returns the command's result, or raft's error. ErrBusy and ErrClosed
// mean that it was certainly not proposed; a context that ends later leaves the
// outcome unknown.
func (b *batcher) propose(ctx context.Context, data []byte) (fsm.Result, error) {
	p := &proposal{data: data, done: make(chan outcome, 1)}
	select {
	case b.queue <- p:
	case <-b.stop:
		return fsm.Result{}, ErrClosed
	case <-ctx.Done():
		return fsm.Result{}, ErrBusy
	}
	select {
	case o := <-p.done:
		return o.result, o.err
	case <-b.ended:
		select {
		case o := <-p.done:
			return o.result, o.err
		default:
			return fsm.Result{}, ErrClosed // never taken from the queue
		}
	case <-b.lost:
		return fsm.Result{}, fmt.Errorf("%w: the node stopped before it was applied", ErrUnknownOutcome)
	case <-ctx.Done():
		return fsm.Result{}, fmt.Errorf("%w: %w before it was applied", ErrUnknownOutcome, ctx.Err())
	}
}

// close takes no more proposals, and says whether all that were taken are
// answered within timeout. It can be called again.
func (b *batcher) close(timeout time.Duration) bool {
	b.stopOnce.Do(func() { close(b.stop) })
	t := time.NewTimer(timeout)
	defer t.Stop()
	select {
	case <-b.ended:
		return true
	case <-t.C:
		return false
	}
}

// abandon tells those who still wait for an answer that none will come.
// hashicorp/raft drops entries that are queued for the state machine when it
// shuts down (runFSM in its fsm.go), and whoever waits for one waits for ever:
// the goroutine that does is left behind.
func (b *batcher) abandon() { b.giveUpOnce.Do(func() { close(b.lost) }) }

func (b *batcher) send() {
	defer close(b.sent)
	var held *proposal // did not fit into the last entry
	for {
		first := held
		if first == nil {
			select {
			case first = <-b.queue:
			case <-b.stop:
				b.refuseQueued()
				return
			}
		}
		var proposals []*proposal
		proposals, held = b.gather(first)
		b.sent <- entryInFlight{b.apply(encode(proposals), 0), proposals}
	}
}

// gather takes what waits behind first, up to the limits of an entry. What does
// not fit any more is returned as held.
func (b *batcher) gather(first *proposal) (proposals []*proposal, held *proposal) {
	proposals = append(make([]*proposal, 0, len(b.queue)+1), first)
	size := command.EntrySize(len(first.data))
	for len(proposals) < maxEntryCommands {
		select {
		case p := <-b.queue:
			if size += command.EntrySize(len(p.data)); size > maxEntryBytes {
				return proposals, p
			}
			proposals = append(proposals, p)
		default:
			return proposals, nil
		}
	}
	return proposals, nil
}

func encode(proposals []*proposal) []byte {
	size := 1
	commands := make([][]byte, len(proposals))
	for i, p := range proposals {
		size += command.EntrySize(len(p.data))
		commands[i] = p.data
	}
	return command.AppendEntry(make([]byte, 0, size), commands...)
}

// refuseQueued answers what was queued when the batcher closed. A propose that
// raced past stop may still queue one; ended tells it.
func (b *batcher) refuseQueued() {
	for {
		select {
		case p := <-b.queue:
			p.done <- outcome{err: ErrClosed}
		default:
			return
		}
	}
}

// receive hands the answers out. Raft answers entries in log order, so waiting
// for the oldest delays none.
func (b *batcher) receive() {
	defer close(b.ended)
	for e := range b.sent {
		err := e.future.Error()
		var results []fsm.Result
		if err == nil {
			switch answer := e.future.Response().(type) {
			case []fsm.Result:
				results = answer
			case error:
				err = fmt.Errorf("%w: %w", ErrUnknownOutcome, answer)
			}
		}
		for i, p := range e.proposals {
			if err != nil {
				p.done <- outcome{err: err}
				continue
			}
			p.done <- outcome{result: results[i]}
		}
	}
}
