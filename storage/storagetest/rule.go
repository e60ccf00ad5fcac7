package storagetest

import (
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/forkbikash/keyval/storage"
)

// Rule is one thing that a store must do.
type Rule struct {
	// Name is unique and may be used to select the rule with go test -run.
	Name string

	// Says is the rule in words.
	Says string

	// Relies is where the rule comes from, as file:function. A bare file is one
	// of hashicorp/raft v1.7.3, the function there goes wrong with a store that
	// breaks the rule. What Raft never sees, such as opening, is of a file of
	// this module and begins with "storage/".
	Relies string

	// Durable marks a rule that means nothing for a store that forgets
	// everything when it is closed.
	Durable bool

	check func(*lab) error
}

// Rules returns the table, the simple rules first. A store that breaks a simple
// rule often breaks later ones too, so the first one broken says the most.
func Rules() []Rule {
	return slices.Concat(
		logRules(), fieldRules(), gapRules(), optionalRules(), deleteRules(), againRules(), stableRules(),
		bufferRules(), closeRules(), openRules(), readOnlyRules(), concurrencyRules(), largeRules())
}

// Check holds a store to the rule and returns what is wrong. The directory must
// be empty; the store, which may do what it likes in it, is closed afterwards. A
// volatile store is never opened a second time. A panic of the store is an error.
func (r Rule) Check(open storage.Opener, dir string, volatile bool) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicError(p)
		}
	}()
	if r.Durable && volatile {
		return nil
	}
	return r.check(&lab{open: open, dir: dir, volatile: volatile})
}

func panicError(p any) error {
	return fmt.Errorf("the store panicked: %v\n%s", p, debug.Stack())
}

// patience is how long something may take that never takes long unless it
// hangs, or unless it is never done.
const patience = 30 * time.Second

// lab is where one check happens: an opener and a directory that is its own.
type lab struct {
	open     storage.Opener
	dir      string
	volatile bool
}

// with opens the store, hands it to do and closes it, also when do panics, so
// that the directory can be removed.
func (l *lab) with(o storage.Options, do func(storage.Store) error) (err error) {
	s, err := l.open(l.dir, o)
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	defer func() {
		if p := recover(); p != nil {
			err = panicError(p)
		}
		if closing := s.Close(); closing != nil {
			err = errors.Join(err, fmt.Errorf("close: %w", closing))
		}
	}()
	return do(s)
}

// lasting runs do, then holds twice: at once, and after reopening.
func (l *lab) lasting(do, holds func(storage.Store) error) error {
	err := l.with(storage.Options{}, func(s storage.Store) error {
		if err := do(s); err != nil {
			return err
		}
		return holds(s)
	})
	if err != nil || l.volatile {
		return err
	}
	if err := l.with(storage.Options{}, holds); err != nil {
		return fmt.Errorf("after reopening: %w", err)
	}
	return nil
}

// steps runs each on the same log, closing and opening the store in between.
func (l *lab) steps(steps ...func(storage.Store) error) error {
	if l.volatile {
		return l.with(storage.Options{}, func(s storage.Store) error {
			for i, do := range steps {
				if err := do(s); err != nil {
					return fmt.Errorf("step %d: %w", i+1, err)
				}
			}
			return nil
		})
	}
	for i, do := range steps {
		if err := l.with(storage.Options{}, do); err != nil {
			return fmt.Errorf("opening %d: %w", i+1, err)
		}
	}
	return nil
}
