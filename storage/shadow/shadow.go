package shadow

import (
	"log/slog"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/internal/optional"
)

var _ storage.Store = (*store)(nil)

// Options are those of [Wrap]. Open is required; what else is zero takes its
// default.
type Options struct {
	// Open opens the candidate, which must be empty. It is called once, from the
	// candidate's goroutine.
	Open func() (storage.Store, error)

	// MaxCalls and MaxBytes bound what may wait for the candidate; default 8192
	// calls and 64 MiB.
	MaxCalls int
	MaxBytes int64

	// Patience is how long a call of the candidate, Open too, may take; default
	// 30 s.
	Patience time.Duration

	// Logger is told of differences and of the candidate's end. Nil discards it.
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.MaxCalls == 0 {
		o.MaxCalls = 8192
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 64 << 20
	}
	if o.Patience == 0 {
		o.Patience = 30 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Wrap has a candidate follow primary. The store that it returns does what
// primary does, has the optional interfaces of hashicorp/raft that primary has,
// and owns both: its Close closes primary, and then gives the candidate two
// seconds to end. The Shadow tells how the candidate does.
func Wrap(primary storage.Store, o Options) (storage.Store, *Shadow) {
	sh := newShadow(o.withDefaults())
	sh.start(primary)
	return optional.Forward(&store{primary: primary, shadow: sh}, primary), sh
}

type store struct {
	primary storage.Store
	shadow  *Shadow
	closing sync.Once
	err     error
}

func (s *store) StoreLog(log *raft.Log) error {
	w := s.shadow.writing(touch{low: log.Index, high: log.Index})
	err := s.primary.StoreLog(log)
	w.done(err, func() item { return copyEntries([]*raft.Log{log}) })
	return err
}

func (s *store) StoreLogs(logs []*raft.Log) error {
	w := s.shadow.writing(span(logs))
	err := s.primary.StoreLogs(logs)
	w.done(err, func() item { return copyEntries(logs) })
	return err
}

func (s *store) DeleteRange(low, high uint64) error {
	w := s.shadow.writing(touch{low: low, high: high})
	err := s.primary.DeleteRange(low, high)
	w.done(err, func() item { return deleted{low, high} })
	return err
}

func (s *store) Set(key, value []byte) error {
	w := s.shadow.writing(touch{stable: true})
	err := s.primary.Set(key, value)
	w.done(err, func() item { return wrote[string]{key: string(key), value: string(value)} })
	return err
}

func (s *store) SetUint64(key []byte, value uint64) error {
	w := s.shadow.writing(touch{stable: true})
	err := s.primary.SetUint64(key, value)
	w.done(err, func() item { return wrote[uint64]{key: string(key), value: value} })
	return err
}

func (s *store) FirstIndex() (uint64, error) {
	r := s.shadow.reading(touch{high: everything})
	first, err := s.primary.FirstIndex()
	r.done(err, func() item { return sawBound{first: true, index: first} })
	return first, err
}

func (s *store) LastIndex() (uint64, error) {
	r := s.shadow.reading(touch{high: everything})
	last, err := s.primary.LastIndex()
	r.done(err, func() item { return sawBound{index: last} })
	return last, err
}

func (s *store) GetLog(index uint64, log *raft.Log) error {
	r := s.shadow.reading(touch{low: index, high: index})
	err := s.primary.GetLog(index, log)
	r.done(err, func() item {
		if err != nil {
			return sawEntry{index: index, missing: true}
		}
		return sawEntry{index: index, entry: digestOf(log)}
	})
	return err
}

func (s *store) Get(key []byte) ([]byte, error) {
	r := s.shadow.reading(touch{stable: true})
	value, err := s.primary.Get(key)
	r.done(err, func() item { return saw[string]{key: string(key), value: string(value), missing: err != nil} })
	return value, err
}

func (s *store) GetUint64(key []byte) (uint64, error) {
	r := s.shadow.reading(touch{stable: true})
	value, err := s.primary.GetUint64(key)
	r.done(err, func() item { return saw[uint64]{key: string(key), value: value, missing: err != nil} })
	return value, err
}

func (s *store) Close() error {
	s.closing.Do(func() {
		s.err = s.primary.Close()
		s.shadow.close()
	})
	return s.err
}
