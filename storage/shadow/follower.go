package shadow

import (
	"errors"
	"fmt"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
)

// isMiss says whether a read found nothing, in the one way that Raft takes for
// that.
func isMiss(err error) bool {
	return err == raft.ErrLogNotFound || err != nil && err.Error() == "not found" //nolint:errorlint // Raft compares so
}

// follower repeats on the candidate what the primary did. It knows what the
// candidate should hold: of the primary's log, as it is at this point of the
// queue, what has an index of at least floor.
type follower struct {
	shadow     *Shadow
	candidate  storage.Store
	contiguous bool // the candidate takes no gaps

	floor             uint64
	oldest, newest    uint64 // bounds of the primary's log: no entry is outside; 0 and 0 when it is empty
	candFirst, candTo uint64 // what the candidate was given and not told to delete; 0 and 0 for nothing
	keys              map[string]bool
}

// errUnshowable ends a candidate through no fault of its own.
var errUnshowable = errors.New("the primary was written in a way that no Raft does, and that a store without gaps cannot repeat")

func (i stored) do(f *follower) error {
	if len(i.logs) == 0 {
		return nil
	}
	t := span(i.logs)
	if f.contiguous && f.candTo != 0 && t.low != f.candTo+1 {
		if err := f.makeRoom(t); err != nil {
			return err
		}
	}
	if err := f.call(appends, func() error { return f.candidate.StoreLogs(i.logs) }); err != nil {
		return fmt.Errorf("StoreLogs of %d to %d: %w", t.low, t.high, err)
	}
	f.candFirst, f.candTo = extend(f.candFirst, f.candTo, t)
	f.oldest, f.newest = extend(f.oldest, f.newest, t)
	return nil
}

func extend(low, high uint64, t touch) (uint64, uint64) {
	if high == 0 {
		return t.low, t.high
	}
	return min(low, t.low), max(high, t.high)
}

// makeRoom readies a candidate without gaps for entries that do not follow its
// last: after a gap it starts anew, as Raft does with such a store, and what is
// replaced is cut off first.
func (f *follower) makeRoom(t touch) error {
	from := t.low
	switch {
	case t.low > f.candTo+1:
		from, f.floor = f.candFirst, t.low
	case t.high < f.candTo || t.low < f.candFirst:
		return errUnshowable
	}
	return f.cut(from, f.candTo)
}

func (i deleted) do(f *follower) error {
	if i.low > i.high {
		return nil
	}
	if err := f.cut(i.low, i.high); err != nil {
		return err
	}
	head, tail := i.low <= f.oldest, i.high >= f.newest
	switch {
	case f.newest == 0:
	case head && tail:
		f.oldest, f.newest, f.floor = 0, 0, 0 // nothing is left that the candidate was not given
	case head:
		f.oldest = max(f.oldest, i.high+1)
	case tail:
		f.newest = min(f.newest, i.low-1)
		f.floor = min(f.floor, i.low)
	}
	return nil
}

// cut deletes entries of the candidate, if it has any of them.
func (f *follower) cut(low, high uint64) error {
	if f.candTo == 0 || low > f.candTo || high < f.candFirst {
		return nil
	}
	head, tail := low <= f.candFirst, high >= f.candTo
	if f.contiguous && !head && !tail {
		return errUnshowable
	}
	if err := f.call(truncations, func() error { return f.candidate.DeleteRange(low, high) }); err != nil {
		return fmt.Errorf("DeleteRange from %d to %d: %w", low, high, err)
	}
	switch {
	case head && tail:
		f.candFirst, f.candTo = 0, 0
	case head:
		f.candFirst = high + 1
	case tail:
		f.candTo = min(f.candTo, low-1)
	}
	return nil
}

func (i wrote[V]) do(f *follower) error {
	err := f.call(votes, func() error {
		switch v := any(i.value).(type) {
		case string:
			return f.candidate.Set([]byte(i.key), []byte(v))
		case uint64:
			return f.candidate.SetUint64([]byte(i.key), v)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("setting %q: %w", i.key, err)
	}
	f.keys[keyOf[V](i.key)] = true
	return nil
}

// keyOf tells values from numbers: stores differ in whether a key may be both.
func keyOf[V string | uint64](key string) string {
	var v V
	return fmt.Sprintf("%T %s", v, key)
}

func (i sawEntry) do(f *follower) error {
	if !i.missing && i.index < f.floor {
		f.shadow.countSkipped()
		return nil
	}
	var got raft.Log
	err := f.call(reads, func() error { return f.candidate.GetLog(i.index, &got) })
	if err != nil && !isMiss(err) {
		return fmt.Errorf("GetLog of %d: %w", i.index, err)
	}
	difference := ""
	switch {
	case err != nil && !i.missing:
		difference = "it is missing"
	case err == nil && i.missing:
		difference = "it is there, and should not be"
	case err == nil:
		difference = i.entry.differs(digestOf(&got))
	}
	f.shadow.compared(fmt.Sprintf("entry %d", i.index), difference)
	return nil
}

func (i sawBound) do(f *follower) error {
	if i.index != 0 && i.index < f.floor {
		f.shadow.countSkipped()
		return nil
	}
	name, read := "LastIndex", f.candidate.LastIndex
	if i.first {
		name, read = "FirstIndex", f.candidate.FirstIndex
	}
	var got uint64
	err := f.call(reads, func() (err error) {
		got, err = read()
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	difference := ""
	if got != i.index {
		difference = fmt.Sprintf("%d, want %d", got, i.index)
	}
	f.shadow.compared(name, difference)
	return nil
}

func (i saw[V]) do(f *follower) error {
	value, number := f.keys[keyOf[string](i.key)], f.keys[keyOf[uint64](i.key)]
	given := f.keys[keyOf[V](i.key)]
	if !given && (!i.missing || value || number) {
		f.shadow.countSkipped()
		return nil
	}
	var got V
	err := f.call(reads, func() (err error) {
		switch v := any(&got).(type) {
		case *string:
			var b []byte
			b, err = f.candidate.Get([]byte(i.key))
			*v = string(b)
		case *uint64:
			*v, err = f.candidate.GetUint64([]byte(i.key))
		}
		return err
	})
	if err != nil && !isMiss(err) {
		return fmt.Errorf("reading %q: %w", i.key, err)
	}
	difference := ""
	switch {
	case err != nil && !i.missing:
		difference = "it is missing"
	case err == nil && i.missing:
		difference = "it is there, and should not be"
	case err == nil && got != i.value:
		difference = show(got) + ", want " + show(i.value)
	}
	f.shadow.compared(fmt.Sprintf("key %q", i.key), difference)
	return nil
}

// show is a value for people to read.
func show(v any) string {
	if s, ok := v.(string); ok {
		return fmt.Sprintf("%.64q", s)
	}
	return fmt.Sprint(v)
}
