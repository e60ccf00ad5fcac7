package storagetest

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/hashicorp/raft"
)

// A benchCase is one operation that is timed.
type benchCase struct {
	name    string
	prepare func(*runner) error
	op      func(*runner) (time.Duration, error)
}

func benchCases(length uint64) []benchCase {
	var all []benchCase
	for _, size := range []int{128, 1 << 10, 16 << 10} {
		for _, n := range []uint64{1, 8, 64} {
			all = append(all, benchCase{
				fmt.Sprintf("append/entries=%d/size=%d", n, size),
				func(*runner) error { return nil },
				func(r *runner) (time.Duration, error) { return r.append(n, size) },
			})
		}
	}
	holding := func(r *runner) error { return r.fill(length) }
	return append(all,
		benchCase{"read/in-order", holding, func(r *runner) (time.Duration, error) {
			if r.next++; r.next > length {
				r.next = 1
			}
			return r.read(r.next)
		}},
		benchCase{"read/any", holding, func(r *runner) (time.Duration, error) { return r.read(1 + rand.Uint64N(length)) }},
		benchCase{"cut-half", func(*runner) error { return nil }, func(r *runner) (time.Duration, error) { return r.cutHalf(1000) }},
		benchCase{fmt.Sprintf("reopen/entries=%d", length), holding, func(r *runner) (time.Duration, error) { return r.openAgain(length) }},
	)
}

func batchAt(from, n uint64, size int) []*raft.Log {
	logs := make([]*raft.Log, n)
	random := rand.NewChaCha8([32]byte{byte(from), byte(from >> 8), byte(from >> 16)}) // what cannot be compressed
	for i := range logs {
		data := make([]byte, size)
		_, _ = random.Read(data) // it has no errors
		logs[i] = &raft.Log{Index: from + uint64(i), Term: 1, Data: data, AppendedAt: time.Now()}
	}
	return logs
}

// append cuts the head now and then, as Raft does behind a snapshot.
func (r *runner) append(n uint64, size int) (time.Duration, error) {
	const most = 16 << 20 // bytes of log
	if held := r.next - r.first; held*uint64(size) > most {
		cut := r.first + held/2
		if err := r.store.DeleteRange(r.first+1, cut); err != nil {
			return 0, err
		}
		r.first = cut
	}
	logs := batchAt(r.next+1, n, size)
	r.next += n
	began := time.Now()
	err := r.store.StoreLogs(logs)
	return time.Since(began), err
}

// fill stores entries 1 to n of 128 B.
func (r *runner) fill(n uint64) error {
	for i := uint64(1); i <= n; i += 1000 {
		if err := r.store.StoreLogs(batchAt(i, min(1000, n-i+1), 128)); err != nil {
			return err
		}
	}
	return nil
}

func (r *runner) read(index uint64) (time.Duration, error) {
	var l raft.Log
	began := time.Now()
	err := r.store.GetLog(index, &l)
	took := time.Since(began)
	if err == nil && l.Index != index {
		err = fmt.Errorf("GetLog(%d): got entry %d", index, l.Index)
	}
	return took, err
}

// cutHalf fills the log up to n entries of 1 KiB and cuts the first half.
func (r *runner) cutHalf(n uint64) (time.Duration, error) {
	missing := n - (r.next - r.first)
	if err := r.store.StoreLogs(batchAt(r.next+1, missing, 1<<10)); err != nil {
		return 0, err
	}
	r.next += missing
	low, high := r.first+1, r.first+n/2
	r.first = high
	began := time.Now()
	err := r.store.DeleteRange(low, high)
	return time.Since(began), err
}

// openAgain times opening until the end of the log is known.
func (r *runner) openAgain(length uint64) (time.Duration, error) {
	if err := r.close(); err != nil {
		return 0, err
	}
	began := time.Now()
	err := r.reopen()
	if err != nil {
		return 0, err
	}
	last, err := r.store.LastIndex()
	took := time.Since(began)
	if err == nil && last != length {
		err = fmt.Errorf("LastIndex is %d, want %d", last, length)
	}
	return took, err
}
