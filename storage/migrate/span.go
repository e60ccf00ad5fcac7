package migrate

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/raft"
)

// Span is the entries of a log from First to Last, both included. The zero Span
// has none.
type Span struct{ First, Last uint64 }

// Len is the number of entries.
func (s Span) Len() uint64 {
	if s.Last == 0 {
		return 0
	}
	return s.Last - s.First + 1
}

// ErrOrder says that a log is not one that Raft wrote: an entry has another
// index than its place, or a lower term than one before it.
var ErrOrder = errors.New("log is out of order")

// Newest returns the newest entries of log that follow each other without a
// gap. It reads them all, and its error wraps [ErrOrder] where they cannot be
// Raft's.
func Newest(ctx context.Context, log raft.LogStore) (Span, error) {
	first, last, err := bounds(log)
	if err != nil || last == 0 {
		return Span{}, err
	}
	span := Span{First: last + 1, Last: last}
	var above raft.Log
	for index := last; index >= first && index > 0; index-- {
		if err := ctx.Err(); err != nil {
			return Span{}, err
		}
		var e raft.Log
		err := log.GetLog(index, &e)
		switch {
		case errors.Is(err, raft.ErrLogNotFound) && index < last:
			return span, nil
		case err != nil:
			return Span{}, fmt.Errorf("read log entry %d: %w", index, err)
		case e.Index != index:
			return Span{}, fmt.Errorf("%w: entry %d says that it is %d", ErrOrder, index, e.Index)
		case index < last && e.Term > above.Term:
			return Span{}, fmt.Errorf("%w: entry %d has term %d and the one after it %d", ErrOrder, index, e.Term, above.Term)
		}
		span.First, above = index, e
	}
	return span, nil
}

func bounds(log raft.LogStore) (first, last uint64, err error) {
	if first, err = log.FirstIndex(); err != nil {
		return 0, 0, fmt.Errorf("read the first index: %w", err)
	}
	if last, err = log.LastIndex(); err != nil {
		return 0, 0, fmt.Errorf("read the last index: %w", err)
	}
	return first, last, nil
}
