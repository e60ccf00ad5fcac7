package guard

import (
	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/internal/optional"
)

var _ storage.Store = (*guarded)(nil)

// Wrap gives s the vote and the fail-stop, which need no directory: it is for a
// store in memory, and [Opener] for one on disk. The first write that fails
// calls onFail, once and before the write returns; nil is allowed. What Wrap
// returns has the optional interfaces of hashicorp/raft that s has, and owns s:
// closing it closes s.
func Wrap(s storage.Store, onFail func(error)) storage.Store {
	return optional.Forward(&guarded{inner: s, stop: newFailStop(onFail), vote: voteKeeper{inner: s}}, s)
}

type guarded struct {
	inner storage.Store
	stop  *failStop
	vote  voteKeeper
}

func (g *guarded) FirstIndex() (uint64, error) { return g.inner.FirstIndex() }

func (g *guarded) LastIndex() (uint64, error) { return g.inner.LastIndex() }

func (g *guarded) GetLog(index uint64, log *raft.Log) error { return g.inner.GetLog(index, log) }

func (g *guarded) StoreLog(log *raft.Log) error {
	return g.stop.write("store log entry", func() error { return g.inner.StoreLog(log) })
}

func (g *guarded) StoreLogs(logs []*raft.Log) error {
	return g.stop.write("store log entries", func() error { return g.inner.StoreLogs(logs) })
}

func (g *guarded) DeleteRange(low, high uint64) error {
	return g.stop.write("delete log entries", func() error { return g.inner.DeleteRange(low, high) })
}

func (g *guarded) Set(key, value []byte) error {
	return g.stop.write("save "+string(key), func() error {
		if string(key) == voteCandKey && !g.vote.plain {
			return g.vote.setCandidate(value)
		}
		return g.inner.Set(key, value)
	})
}

func (g *guarded) SetUint64(key []byte, value uint64) error {
	return g.stop.write("save "+string(key), func() error {
		if string(key) == voteTermKey && !g.vote.plain {
			g.vote.holdTerm(value)
			return nil
		}
		return g.inner.SetUint64(key, value)
	})
}

func (g *guarded) Get(key []byte) ([]byte, error) {
	if string(key) == voteCandKey && !g.vote.plain {
		return g.vote.candidate()
	}
	return g.inner.Get(key)
}

func (g *guarded) GetUint64(key []byte) (uint64, error) {
	if string(key) == voteTermKey && !g.vote.plain {
		return g.vote.term()
	}
	return g.inner.GetUint64(key)
}

func (g *guarded) Close() error {
	g.stop.close()
	return g.inner.Close()
}
