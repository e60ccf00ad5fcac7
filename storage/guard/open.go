package guard

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"

	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/internal/optional"
)

// Options say how a store is guarded. The zero value works.
type Options struct {
	// Mode is how much of the guard is worn; empty means [On].
	Mode Mode

	// OnFail is told, once, of the first error after which the store takes no more
	// writes: a write that failed, an entry that is damaged. It is called before
	// the call that met the error returns, and on a goroutine of the guard's own
	// when the mark cannot be written in the background. It is to end the process.
	OnFail func(error)

	// AlsoSync are further directories that are synced together with the store's
	// after an unclean stop, such as the one with Raft's snapshots.
	AlsoSync []string

	disk disk // nil is that of the operating system
}

// Opener returns an opener of the stores that open opens, guarded. It keeps a
// file of its own, [FileName], in the store's directory. What it returns has the
// optional interfaces of hashicorp/raft that the store has (at v1.7.3 there is
// one, MonotonicLogStore).
//
// Opened for reading, nothing changes, and a store that has no mark is read as
// it is; the mode counts for nothing.
func Opener(open storage.Opener, o Options) storage.Opener {
	return func(dir string, so storage.Options) (storage.Store, error) {
		mode, err := ParseMode(string(o.Mode))
		if err != nil {
			return nil, err
		}
		op := &opening{
			Options: o, dir: dir, path: filepath.Join(dir, FileName), readOnly: so.ReadOnly, logger: so.Logger,
			stop: newFailStop(o.OnFail),
		}
		op.Mode = mode
		if op.disk == nil {
			op.disk = osDisk{}
		}
		if op.logger == nil {
			op.logger = slog.New(slog.DiscardHandler)
		}
		if err := op.syncAfterCrash(); err != nil {
			return nil, err
		}
		var s storage.Store
		err = guarding(op.logger, func() (err error) {
			s, err = open(dir, so)
			return err
		})
		if err != nil {
			return nil, op.explain(err)
		}
		return op.wear(s)
	}
}

// opening is one opening of one store.
type opening struct {
	Options
	dir, path string
	readOnly  bool
	logger    *slog.Logger
	stop      *failStop
}

// syncAfterCrash makes durable whatever is in the directory, unless the store
// was closed: after a kill files may hold what only the page cache has, and a
// node must not answer from that. It comes before the store looks at its files
// and draws conclusions that it does sync. The store's lock is not held yet, so
// what the mark says otherwise is not looked at, and to sync the files of a
// store that another process has open does no harm.
func (o *opening) syncAfterCrash() error {
	if o.readOnly || o.Mode == Off {
		return nil
	}
	if b, err := o.disk.read(o.path); err == nil {
		if rec, _, err := decodeMark(b); err == nil && rec.clean {
			return nil
		}
		o.logger.Info("the log store was not closed: syncing its files before it is used")
	}
	for _, dir := range append([]string{o.dir}, o.AlsoSync...) {
		if err := o.disk.syncTree(dir); err != nil {
			return fmt.Errorf("sync what an unclean stop may have left in memory: %w", err)
		}
	}
	return nil
}

// wear puts the guard on s, and closes it if that fails.
func (o *opening) wear(s storage.Store) (storage.Store, error) {
	l := &watchedLog{Store: s, dir: o.dir, logger: o.logger, stop: o.stop}
	l.sums.Store(&spans{})
	err := guarding(o.logger, func() error { return o.prepare(l) })
	if err == nil {
		g := &guarded{inner: l, stop: o.stop, vote: voteKeeper{inner: s, plain: o.Mode == Off && !o.readOnly}}
		return optional.Forward(g, s), nil
	}
	if errors.As(err, new(*panicError)) {
		return nil, o.explain(err)
	}
	if l.water != nil {
		err = errors.Join(err, l.water.mark.file.Close())
	}
	return nil, errors.Join(err, s.Close())
}

// explain says what a panic is about that no entry explains.
func (o *opening) explain(err error) error {
	if !errors.As(err, new(*panicError)) || errors.As(err, new(*damageError)) {
		return err
	}
	return fmt.Errorf("log store in %s is damaged: %w: %s", o.dir, err, remedy)
}

func (o *opening) prepare(l *watchedLog) error {
	rec, number, found, err := o.load()
	if err != nil {
		return err
	}
	first, last, err := bounds(l.Store)
	if err != nil {
		return err
	}
	if err := complete(o.dir, rec, first, last); err != nil {
		return err
	}
	l.sums.Store(&rec.sums)
	switch {
	case o.readOnly:
		return nil
	case o.Mode == Off:
		return o.takeOff(l, rec, number, found, last)
	}
	worn, err := isWorn(l.Store)
	if err != nil {
		return err
	}
	if worn && !found {
		return fmt.Errorf("%s is gone, which knows what the log in %s must have: restore it, "+
			"or open the store once with the guard off to go on without that knowledge", o.path, o.dir)
	}
	return o.putOn(l, rec, number, found, first, last)
}

// putOn begins to keep the mark. Entries that are there are taken for
// acknowledged: after an unclean stop they were just synced.
func (o *opening) putOn(l *watchedLog, rec record, number uint64, found bool, first, last uint64) error {
	next := record{low: first, high: last, sums: rec.sums.since(first)}
	if last == 0 {
		next.sums = spans{{0, unending}}
	} else {
		next.sums = next.sums.below(last + 1).opened(last + 1) // a crash may have left it past an end that was cut
	}
	if err := o.open(l, next, number, found); err != nil {
		return err
	}
	l.seal, l.last = true, last
	if err := setWorn(l.Store, true); err != nil {
		return err
	}
	if err := l.verify(); err != nil {
		return err
	}
	l.water.start()
	return nil
}

// takeOff ends the keeping of the mark, and writes the vote back. A store that
// never had a mark gets none.
func (o *opening) takeOff(l *watchedLog, rec record, number uint64, found bool, last uint64) error {
	if found {
		if err := o.open(l, record{sums: rec.sums.below(last + 1)}, number, true); err != nil {
			return err
		}
	}
	if err := TakeOff(l.Store); err != nil {
		return err
	}
	return setWorn(l.Store, false)
}

// open writes rec to the mark, a new one if none was found.
func (o *opening) open(l *watchedLog, rec record, number uint64, found bool) error {
	if !found {
		if err := o.disk.create(o.path, encodeMark(rec)); err != nil {
			return fmt.Errorf("create %s: %w", o.path, err)
		}
	}
	file, err := o.disk.open(o.path)
	if err != nil {
		return err
	}
	l.water = newWater(&mark{file: file, number: number}, rec, o.Mode == Strict, func(err error) { o.stop.fail(err) })
	l.sums.Store(&rec.sums)
	if !found {
		return nil
	}
	return l.water.mark.write(rec)
}

func (o *opening) load() (rec record, number uint64, found bool, err error) {
	b, err := o.disk.read(o.path)
	if errors.Is(err, fs.ErrNotExist) {
		return record{}, 0, false, nil
	}
	if err != nil {
		return record{}, 0, false, err
	}
	if rec, number, err = decodeMark(b); err != nil {
		return record{}, 0, false, fmt.Errorf("%s %w", o.path, err)
	}
	return rec, number, true, nil
}

func bounds(s storage.Store) (first, last uint64, err error) {
	if first, err = s.FirstIndex(); err != nil {
		return 0, 0, err
	}
	last, err = s.LastIndex()
	return first, last, err
}

// complete says which acknowledged entries are missing at the ends of the log.
func complete(dir string, rec record, first, last uint64) error {
	from, to, end := last+1, rec.high, fmt.Sprintf("ends at %d", last)
	switch {
	case rec.high > last && last == 0:
		from, end = max(rec.low, 1), "is empty"
	case rec.high > last:
	case rec.low == 0 || first <= rec.low || len(rec.sums.since(rec.low).below(first)) == 0:
		return nil
	default:
		from, to, end = rec.low, first-1, fmt.Sprintf("begins at %d", first)
	}
	gone := fmt.Sprintf("log entries %d to %d", from, to)
	if from == to {
		gone = fmt.Sprintf("log entry %d", from)
	}
	return fmt.Errorf("%s had been acknowledged, and the log in %s %s: %s", gone, dir, end, remedy)
}
