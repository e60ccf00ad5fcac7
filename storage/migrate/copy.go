package migrate

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
)

// A batch is what one write to the target holds: large enough that the syncs do
// not count, small enough for every store.
const (
	batchEntries = 512
	batchBytes   = 1 << 20
)

// Progress is told after each step how many entries of the span are done. It
// may be nil.
type Progress func(done uint64)

func (p Progress) tell(done uint64) {
	if p != nil {
		p(done)
	}
}

// Copy makes to hold the entries of span, which from has without a gap, and the
// values that Raft keeps. What to has of an earlier Copy stays where it is the
// same; everything else in its log is deleted. When Copy returns nil, all of it
// is as durable as to makes its writes. It ends early, with ctx's error, when
// ctx does.
func Copy(ctx context.Context, from, to storage.Store, span Span, progress Progress) error {
	next, err := resume(ctx, from, to, span)
	if err != nil {
		return err
	}
	for next <= span.Last && span.Len() > 0 {
		progress.tell(next - span.First)
		batch, err := read(ctx, from, next, span.Last)
		if err != nil {
			return err
		}
		if err := to.StoreLogs(batch); err != nil {
			return fmt.Errorf("write entries %d to %d: %w", next, next+uint64(len(batch))-1, err)
		}
		next += uint64(len(batch))
	}
	progress.tell(span.Len())
	return copyValues(from, to)
}

// resume returns the first entry of span that to lacks, after cutting off what
// is not as from has it.
func resume(ctx context.Context, from, to storage.Store, span Span) (uint64, error) {
	first, last, err := bounds(to)
	if err != nil {
		return 0, fmt.Errorf("target: %w", err)
	}
	if last == 0 {
		return span.First, nil
	}
	if first != span.First {
		if err := to.DeleteRange(first, last); err != nil {
			return 0, fmt.Errorf("empty the target: %w", err)
		}
		return span.First, nil
	}
	next := span.First
	for ; next <= min(last, span.Last); next++ {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if err := same(from, to, next); errors.Is(err, ErrDiffers) {
			break
		} else if err != nil {
			return 0, err
		}
	}
	if next <= last {
		if err := to.DeleteRange(next, last); err != nil {
			return 0, fmt.Errorf("cut the target at entry %d: %w", next, err)
		}
	}
	return next, nil
}

// read reads the entries of a batch that begins with low.
func read(ctx context.Context, from raft.LogStore, low, high uint64) (batch []*raft.Log, err error) {
	size := 0
	for index := low; index <= high && len(batch) < batchEntries && size < batchBytes; index++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		e := new(raft.Log)
		if err := from.GetLog(index, e); err != nil {
			return nil, fmt.Errorf("read log entry %d: %w", index, err)
		}
		if e.Index != index {
			return nil, fmt.Errorf("%w: entry %d says that it is %d", ErrOrder, index, e.Index)
		}
		size += len(e.Data) + len(e.Extensions)
		batch = append(batch, e)
	}
	return batch, nil
}

// same compares one entry. Its error wraps ErrDiffers when it is another.
func same(from, to raft.LogStore, index uint64) error {
	var want, got raft.Log
	if err := from.GetLog(index, &want); err != nil {
		return fmt.Errorf("read log entry %d: %w", index, err)
	}
	err := to.GetLog(index, &got)
	if errors.Is(err, raft.ErrLogNotFound) {
		return fmt.Errorf("%w: it lacks entry %d", ErrDiffers, index)
	}
	if err != nil {
		return fmt.Errorf("read log entry %d of the target: %w", index, err)
	}
	if got.Index != want.Index || got.Term != want.Term || got.Type != want.Type ||
		!bytes.Equal(got.Data, want.Data) || !bytes.Equal(got.Extensions, want.Extensions) ||
		!got.AppendedAt.Equal(want.AppendedAt) {
		return fmt.Errorf("%w: entry %d is another one", ErrDiffers, index)
	}
	return nil
}
