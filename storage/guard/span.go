package guard

import (
	"math"
	"slices"
)

// A span is a range of indexes, both ends in it. As far as the log reaches, it
// has an entry with a checksum at each of them.
type span struct{ from, to uint64 }

// unending is the end of a span that entries are still appended to.
const unending = math.MaxUint64

// spans are in ascending order and do not touch. They are never changed in
// place: readers have them.
type spans []span

func (s spans) has(index uint64) bool {
	for _, r := range s {
		if r.from <= index && index <= r.to {
			return true
		}
	}
	return false
}

// below returns what s says of indexes lower than index.
func (s spans) below(index uint64) spans {
	var kept spans
	for _, r := range s {
		if r.from >= index {
			break
		}
		kept = append(kept, span{r.from, min(r.to, index-1)})
	}
	return kept
}

// since returns s without what is wholly below first, where nothing is.
func (s spans) since(first uint64) spans {
	return slices.DeleteFunc(slices.Clone(s), func(r span) bool { return r.to < first })
}

// above returns what s says of indexes higher than index.
func (s spans) above(index uint64) spans {
	var kept spans
	for _, r := range s {
		if r.to > index {
			kept = append(kept, span{max(r.from, index+1), r.to})
		}
	}
	return kept
}

// opened returns s with all indexes from index on. Nothing in s may begin above.
func (s spans) opened(index uint64) spans {
	if n := len(s); n > 0 && s[n-1].to >= index-1 {
		last := span{s[n-1].from, unending}
		return append(slices.Clone(s[:n-1]), last)
	}
	kept := s[max(0, len(s)+1-maxSpans):]
	return append(slices.Clone(kept), span{index, unending})
}

func (s spans) same(other spans) bool { return slices.Equal(s, other) }
