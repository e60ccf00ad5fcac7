package shadow

import (
	"fmt"
	"hash/maphash"
	"time"

	"github.com/hashicorp/raft"
)

// item is one call that the candidate is to repeat or be compared with.
type item interface {
	kind() kind
	size() int64 // in memory, about
	do(*follower) error
}

// itemSize is what an item takes without what it points to.
const itemSize = 96

type (
	// stored are entries, which belong to the item.
	stored struct {
		logs  []*raft.Log
		bytes int64
	}
	deleted struct{ low, high uint64 }

	wrote[V string | uint64] struct {
		key   string
		value V
	}

	sawEntry struct {
		index   uint64
		missing bool
		entry   digest
	}
	sawBound struct {
		first bool // else the last
		index uint64
	}
	saw[V string | uint64] struct {
		key     string
		value   V
		missing bool
	}
)

func (stored) kind() kind   { return appends }
func (deleted) kind() kind  { return truncations }
func (wrote[V]) kind() kind { return votes }
func (sawEntry) kind() kind { return reads }
func (sawBound) kind() kind { return reads }
func (saw[V]) kind() kind   { return reads }

func (i stored) size() int64   { return itemSize + i.bytes }
func (deleted) size() int64    { return itemSize }
func (i wrote[V]) size() int64 { return itemSize + int64(len(i.key)+length(i.value)) }
func (sawEntry) size() int64   { return itemSize }
func (sawBound) size() int64   { return itemSize }
func (i saw[V]) size() int64   { return itemSize + int64(len(i.key)+length(i.value)) }

func length(v any) int {
	s, _ := v.(string)
	return len(s)
}

// copyEntries copies, since Raft shares entries with the store only until it
// returns.
func copyEntries(logs []*raft.Log) item {
	it := stored{logs: make([]*raft.Log, len(logs))}
	all := make([]raft.Log, len(logs))
	for i, l := range logs {
		c := &all[i]
		*c = *l
		c.Data, c.Extensions = clone(l.Data), clone(l.Extensions)
		it.logs[i] = c
		it.bytes += itemSize + int64(len(c.Data)+len(c.Extensions))
	}
	return it
}

func clone(b []byte) []byte {
	if b == nil {
		return nil
	}
	return append(make([]byte, 0, len(b)), b...)
}

// digest is what an entry is compared by, so that a read need not be copied.
type digest struct {
	index, term      uint64
	kind             raft.LogType
	appendedAt       time.Time
	data, extensions content
}

type content struct {
	size int
	sum  uint64
}

var seed = maphash.MakeSeed()

func digestOf(l *raft.Log) digest {
	return digest{
		index: l.Index, term: l.Term, kind: l.Type, appendedAt: l.AppendedAt,
		data: contentOf(l.Data), extensions: contentOf(l.Extensions),
	}
}

func contentOf(b []byte) content { return content{len(b), maphash.Bytes(seed, b)} }

// differs says in which field candidate is not as primary; "" for none.
func (d digest) differs(candidate digest) string {
	switch {
	case d.index != candidate.index:
		return fmt.Sprintf("index %d, want %d", candidate.index, d.index)
	case d.term != candidate.term:
		return fmt.Sprintf("term %d, want %d", candidate.term, d.term)
	case d.kind != candidate.kind:
		return fmt.Sprintf("type %v, want %v", candidate.kind, d.kind)
	case !d.appendedAt.Equal(candidate.appendedAt):
		return fmt.Sprintf("AppendedAt %v, want %v", candidate.appendedAt, d.appendedAt)
	case d.data != candidate.data:
		return fmt.Sprintf("other data, %d bytes, want %d", candidate.data.size, d.data.size)
	case d.extensions != candidate.extensions:
		return fmt.Sprintf("other extensions, %d bytes, want %d", candidate.extensions.size, d.extensions.size)
	}
	return ""
}
