package shadow

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// kind is what calls are timed apart by.
type kind int

const (
	appends kind = iota
	truncations
	votes // and whatever else has a key
	reads
	kinds
)

type side int

const (
	ofPrimary side = iota
	ofCandidate
	sides
)

// Latency is what calls took, to within a sixteenth.
type Latency struct {
	Count    uint64
	P50, P99 time.Duration
}

type latencies [kinds][sides]histogram

func (l *latencies) add(k kind, s side, d time.Duration) { l[k][s].add(d) }

func (l *latencies) of(k kind, s side) Latency { return l[k][s].latency() }

// histogram counts durations in buckets: eight for each power of two of
// nanoseconds.
type histogram [64 * perOctave]atomic.Uint64

const (
	octaveBits = 3
	perOctave  = 1 << octaveBits
)

func (h *histogram) add(d time.Duration) { h[bucket(uint64(max(d, 0)))].Add(1) } //nolint:gosec // it is not negative

func bucket(n uint64) int {
	if n < perOctave {
		return int(n) //nolint:gosec // it is small
	}
	shift := bits.Len64(n) - 1 - octaveBits
	return (shift+1)*perOctave + int(n>>shift)&(perOctave-1) //nolint:gosec // it is small
}

// middle is the duration in the middle of a bucket.
func middle(b int) time.Duration {
	if b < perOctave {
		return time.Duration(b)
	}
	shift := b/perOctave - 1
	low := uint64(perOctave+b%perOctave) << shift //nolint:gosec // it is small
	return time.Duration(low + 1<<shift/2)        //nolint:gosec // bits below 63
}

func (h *histogram) latency() Latency {
	var counts [len(h)]uint64
	var l Latency
	for i := range h {
		counts[i] = h[i].Load()
		l.Count += counts[i]
	}
	if l.Count == 0 {
		return l
	}
	l.P50 = percentile(&counts, (l.Count+1)/2)
	l.P99 = percentile(&counts, l.Count-l.Count/100)
	return l
}

// percentile is the duration of the call of that rank, from 1.
func percentile(counts *[64 * perOctave]uint64, rank uint64) time.Duration {
	for i, n := range counts {
		if rank <= n {
			return middle(i)
		}
		rank -= n
	}
	return 0
}
