package fsm

import (
	"io"
	"sync/atomic"

	"github.com/forkbikash/keyval/core/fsm/snapshotpb"
)

// Snapshot is the state as it was when [State.Snapshot] was called. It costs
// next to nothing until keys change; then it keeps the versions that it sees.
// It must be released.
type Snapshot struct {
	state   *State
	pin     *pin
	cluster *cluster
	summary Summary
	done    atomic.Bool
}

// Snapshot pins the state as it is now.
func (s *State) Snapshot() *Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &Snapshot{state: s, pin: s.pin(), cluster: s.cluster, summary: s.summary()}
}

// Summary returns the pinned state's figures.
func (sn *Snapshot) Summary() Summary { return sn.summary }

// Release gives up the pin, and drops what only this snapshot kept. Further
// calls do nothing. It must not be called while WriteTo runs.
func (sn *Snapshot) Release() {
	if !sn.done.Swap(true) {
		sn.state.unpin(sn.pin)
	}
}

// WriteTo writes the pinned state, which [Restore] reads. Meanwhile entries may
// be applied, other snapshots written, and this one written once more.
func (sn *Snapshot) WriteTo(w io.Writer) (int64, error) {
	if sn.done.Load() {
		return 0, ErrReleased
	}
	b, err := newBlockWriter(w)
	if err != nil {
		return 0, err
	}
	err = sn.write(b)
	return b.n, err
}

func (sn *Snapshot) write(b *blockWriter) error {
	if err := b.start(); err != nil {
		return err
	}
	if err := b.message(blockTop, sn.header()); err != nil {
		return err
	}
	var keys []byte
	for c := (cursor{snapshot: sn}); c.next(); {
		for _, rec := range c.records {
			if keys = appendKey(keys, rec); len(keys) < blockTarget {
				continue
			}
			if err := b.payload(blockKeys, keys); err != nil {
				return err
			}
			keys = keys[:0]
		}
	}
	if len(keys) > 0 {
		if err := b.payload(blockKeys, keys); err != nil {
			return err
		}
	}
	return b.message(blockTrailer, &snapshotpb.Trailer{Keys: sn.summary.Keys, Checksum: sn.summary.Checksum})
}

func (sn *Snapshot) header() *snapshotpb.Header {
	return &snapshotpb.Header{
		Index:               sn.summary.Index,
		Term:                sn.summary.Term,
		Revision:            sn.summary.Revision,
		ClusterId:           sn.cluster.id,
		MinVersion:          sn.cluster.minVersion,
		Members:             sn.cluster.members,
		RemovedIncarnations: sn.cluster.removed,
	}
}

// scanChunk bounds how many entries are looked at under one hold of the lock.
const scanChunk = 256

// cursor lists a snapshot's records in key order, a chunk at a time.
type cursor struct {
	snapshot *Snapshot
	records  []record
	after    string // every key up to this one was listed
	end      bool
}

// next collects the next records, of which there may be none, and is false
// behind the last.
func (c *cursor) next() bool {
	if c.end {
		return false
	}
	s, revision := c.snapshot.state, c.snapshot.pin.revision
	c.records = c.records[:0]
	looked := 0
	s.mu.RLock()
	defer s.mu.RUnlock()
	c.end = true
	s.space.ascend(c.after, func(e *version) bool {
		if looked++; looked > scanChunk {
			c.end = false
			return false
		}
		if rec, live := e.at(revision); live {
			c.records = append(c.records, rec)
		}
		c.after = e.rec.key()
		return true
	})
	return true
}
