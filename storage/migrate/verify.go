package migrate

import (
	"context"
	"errors"
	"fmt"

	"github.com/forkbikash/keyval/storage"
)

// ErrDiffers says that a copy is not the same as what it was made of.
var ErrDiffers = errors.New("copy differs")

// Verify makes sure that copied holds the entries of span exactly as from has
// them, no others, and the same term and vote. It reads all of it. Its error
// wraps [ErrDiffers] when something is not the same.
func Verify(ctx context.Context, from, copied storage.Store, span Span, progress Progress) error {
	first, last, err := bounds(copied)
	if err != nil {
		return fmt.Errorf("copy: %w", err)
	}
	if first != span.First || last != span.Last {
		return fmt.Errorf("%w: it has entries %d to %d, not %d to %d", ErrDiffers, first, last, span.First, span.Last)
	}
	for index := span.First; index <= span.Last && span.Len() > 0; index++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := same(from, copied, index); err != nil {
			return err
		}
		progress.tell(index - span.First + 1)
	}
	want, err := ReadState(from)
	if err != nil {
		return err
	}
	got, err := ReadState(copied)
	if err != nil {
		return fmt.Errorf("copy: %w", err)
	}
	if got != want {
		return fmt.Errorf("%w: it has %v, not %v", ErrDiffers, got, want)
	}
	return nil
}

// String says it in words.
func (st State) String() string {
	if !st.Voted {
		return fmt.Sprintf("term %d and no vote", st.Term)
	}
	return fmt.Sprintf("term %d and a vote for %q in term %d", st.Term, st.Candidate, st.VoteTerm)
}
