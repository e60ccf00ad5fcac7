package shadow

import (
	"testing"
	"time"
)

func TestBuckets(t *testing.T) {
	for _, d := range []time.Duration{0, 1, 7, 8, 9, 15, 16, 17, 1000, 131072, 3 * time.Millisecond, time.Hour, 1<<63 - 1} {
		got := middle(bucket(uint64(d)))
		if off := got - d; off < -d/16-1 || off > d/16+1 {
			t.Errorf("%d is counted as %d", d, got)
		}
	}
	for b := range len(histogram{}) - 3*perOctave {
		if got := bucket(uint64(middle(b))); got != b {
			t.Errorf("the middle of bucket %d is in bucket %d", b, got)
		}
	}
}

func TestPercentiles(t *testing.T) {
	var h histogram
	if got := h.latency(); got != (Latency{}) {
		t.Errorf("of nothing: got %+v", got)
	}
	h.add(-time.Second) // a clock that was set
	for range 97 {
		h.add(time.Millisecond)
	}
	h.add(time.Second)
	h.add(time.Second)
	got := h.latency()
	if got.Count != 100 || got.P50.Round(100*time.Microsecond) != time.Millisecond || got.P99.Round(100*time.Millisecond) != time.Second {
		t.Errorf("got %+v, want 100 calls, 1 ms and 1 s", got)
	}
}
