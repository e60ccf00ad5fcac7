package storagetest

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/forkbikash/keyval/storage"
)

// A Contestant is a store in a comparison.
type Contestant struct {
	Name string
	Open storage.Opener
}

// Bench measures what Raft does with a durable store: synced appends of 1, 8 and 64
// entries of 128 B, 1 KiB and 16 KiB, reads in order and of any entry, cutting
// off the first half of the log, and opening a log. Each is a sub-benchmark
// that reports p50-µs and p99-µs of the operation alone, for the batch where
// there is one; what comes between operations, such as filling the log again,
// is not in it.
//
// The logs that are read and opened have 10,000 entries, 1,000 with -short, and
// as many as the environment variable STORAGETEST_ENTRIES says if it is set:
// 1000000 takes minutes with some stores.
func Bench(b *testing.B, open storage.Opener) {
	b.Helper()
	compare(b, []Contestant{{Open: open}})
}

// BenchCompare is Bench for several stores in one run. They take turns at every
// operation, so that whatever else the machine does meets them alike. Metrics
// begin with the contestant's name, and name-ratio is its p50 over that of the
// first.
func BenchCompare(b *testing.B, first Contestant, others ...Contestant) {
	b.Helper()
	compare(b, append([]Contestant{first}, others...))
}

func compare(b *testing.B, contestants []Contestant) {
	b.Helper()
	for _, c := range benchCases(logLength(b)) {
		b.Run(c.name, func(b *testing.B) { measure(b, c, contestants) })
	}
}

func logLength(b *testing.B) uint64 {
	b.Helper()
	if s := os.Getenv("STORAGETEST_ENTRIES"); s != "" {
		n, err := strconv.ParseUint(s, 10, 32)
		if err != nil || n < 2 {
			b.Fatalf("STORAGETEST_ENTRIES=%s: want a number of 2 or more", s)
		}
		return n
	}
	if testing.Short() {
		return 1000
	}
	return 10_000
}

func measure(b *testing.B, c benchCase, contestants []Contestant) {
	b.Helper()
	runners := make([]*runner, len(contestants))
	for i, contestant := range contestants {
		r := &runner{open: contestant.Open, dir: b.TempDir()}
		b.Cleanup(func() {
			if err := r.close(); err != nil {
				b.Error(err)
			}
		})
		if err := errors.Join(r.reopen(), c.prepare(r)); err != nil {
			b.Fatalf("prepare %s: %v", contestant.Name, err)
		}
		runners[i] = r
	}
	took := make([][]time.Duration, len(contestants))
	for b.Loop() {
		for i, r := range runners {
			d, err := c.op(r)
			if err != nil {
				b.Fatalf("%s: %v", contestants[i].Name, err)
			}
			took[i] = append(took[i], d)
		}
	}
	report(b, contestants, took)
}

func report(b *testing.B, contestants []Contestant, took [][]time.Duration) {
	b.Helper()
	b.ReportMetric(0, "ns/op") // it has what comes between operations
	for i, c := range contestants {
		prefix := ""
		if c.Name != "" {
			prefix = c.Name + "-"
		}
		slices.Sort(took[i])
		b.ReportMetric(microseconds(took[i], 50), prefix+"p50-µs")
		b.ReportMetric(microseconds(took[i], 99), prefix+"p99-µs")
		if len(contestants) > 1 {
			b.ReportMetric(microseconds(took[i], 50)/microseconds(took[0], 50), prefix+"ratio")
		}
	}
}

// microseconds is a percentile of what is sorted.
func microseconds(sorted []time.Duration, percent int) float64 {
	return max(float64(sorted[(len(sorted)-1)*percent/100].Nanoseconds()), 1) / 1000
}

// A runner is a store that a case is run on, and where the case is in its log.
type runner struct {
	open  storage.Opener
	dir   string
	store storage.Store

	first, next uint64
}

func (r *runner) close() error {
	if r.store == nil {
		return nil
	}
	err := r.store.Close()
	r.store = nil
	return err
}

func (r *runner) reopen() error {
	if err := r.close(); err != nil {
		return err
	}
	s, err := r.open(r.dir, storage.Options{})
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	r.store = s
	return nil
}
