package shadow_test

import (
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/faulty"
	"github.com/forkbikash/keyval/storage/memstore"
	"github.com/forkbikash/keyval/storage/shadow"
)

// work does what a Raft does to its log over time: appends, votes, replaces the
// end, cuts the head, and after a snapshot from elsewhere goes on further up.
func (r *rig) work() {
	r.t.Helper()
	s := r.store
	r.must(
		s.StoreLog(batch(1, 1, 1)[0]), s.StoreLogs(batch(2, 20, 1)),
		s.SetUint64([]byte("n"), 7), s.Set([]byte("k"), []byte("v")),
		s.DeleteRange(15, 20), s.StoreLogs(batch(15, 30, 2)),
		s.DeleteRange(1, 5), s.StoreLogs(nil), s.DeleteRange(9, 8),
	)
	if r.primaryHasNone {
		r.must(s.DeleteRange(6, 30))
	}
	r.must(s.StoreLogs(batch(40, 50, 3)), s.SetUint64([]byte("n"), 8))
}

// Honest candidates never differ, whichever of the two takes gaps.
func TestHonestCandidate(t *testing.T) {
	for _, tc := range []struct {
		name               string
		primary, candidate bool
	}{{"gaps in both", false, false}, {"no gaps in the candidate", false, true}, {"no gaps in the primary", true, false}, {"no gaps", true, true}} {
		t.Run(tc.name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.primaryHasNone, r.noGaps = tc.primary, tc.candidate
				r.start()
				asked := r.readAll(0, 3)
				r.work()
				asked += r.readAll(0, 60)
				rep := r.settled()
				if rep.Off != "" || rep.Differences != 0 {
					t.Fatalf("got %+v", rep)
				}
				if rep.Reads+rep.Skipped != asked {
					t.Errorf("%d compared and %d skipped of %d", rep.Reads, rep.Skipped, asked)
				}
				// A candidate that was emptied at the gap cannot be asked below it.
				emptied := uint64(0)
				if !tc.primary && tc.candidate {
					emptied = 25 + 1 // entries 6 to 30, and FirstIndex
				}
				if rep.Skipped != emptied {
					t.Errorf("%d reads were skipped, want %d", rep.Skipped, emptied)
				}
				if rep.Appends.Primary.Count != 5 || rep.Appends.Candidate.Count != 4 || rep.Votes.Candidate.Count != 3 {
					t.Errorf("got latencies %+v, %+v", rep.Appends, rep.Votes)
				}
			})
		})
	}
}

// A candidate beside a log that is there already is compared from where it
// started, and all of the log once its head is cut off.
func TestCandidateComesLater(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.primary = memstore.New()
		r.must(r.primary.StoreLogs(batch(1, 10, 1)), r.primary.Set([]byte("k"), []byte("old")))
		r.start()
		r.must(r.store.StoreLogs(batch(11, 20, 1)))
		asked := r.readAll(1, 25)
		rep := r.settled()
		if rep.Differences != 0 || rep.Off != "" || rep.Skipped != 10+1+1 || rep.Reads != asked-rep.Skipped {
			t.Errorf("got %+v, want the 10 old entries, FirstIndex and the old key skipped", rep)
		}
		// The end is replaced from below where the candidate started.
		r.must(r.store.DeleteRange(8, 20), r.store.StoreLogs(batch(8, 12, 2)), r.store.DeleteRange(1, 7), r.store.Set([]byte("k"), []byte("new")))
		asked += r.readAll(1, 25)
		if rep := r.settled(); rep.Differences != 0 || rep.Off != "" || rep.Skipped != 12 || rep.Reads != asked-12 {
			t.Errorf("got %+v, want nothing more skipped", rep)
		}
	})
}

// Every lie is noticed, and the primary's answer is what is given.
func TestLyingCandidate(t *testing.T) {
	for name, tc := range map[string]struct {
		alter func(*raft.Log)
		spoil func(storage.Store) error
		says  string
	}{
		"index":         {alter: func(l *raft.Log) { l.Index++ }, says: "entry 3: index 4, want 3"},
		"term":          {alter: func(l *raft.Log) { l.Term++ }, says: "term 2, want 1"},
		"type":          {alter: func(l *raft.Log) { l.Type = raft.LogNoop }, says: "type LogNoop, want LogCommand"},
		"data":          {alter: func(l *raft.Log) { l.Data[0] ^= 1 }, says: "other data, 8 bytes, want 8"},
		"extensions":    {alter: func(l *raft.Log) { l.Extensions = nil }, says: "other extensions, 0 bytes, want 1"},
		"AppendedAt":    {alter: func(l *raft.Log) { l.AppendedAt = l.AppendedAt.Add(1) }, says: "AppendedAt"},
		"lost entry":    {spoil: func(s storage.Store) error { return s.DeleteRange(3, 3) }, says: "entry 3: it is missing"},
		"lost tail":     {spoil: func(s storage.Store) error { return s.DeleteRange(5, 9) }, says: "LastIndex: 4, want 9"},
		"lost head":     {spoil: func(s storage.Store) error { return s.DeleteRange(1, 1) }, says: "FirstIndex: 2, want 1"},
		"ghost":         {spoil: func(s storage.Store) error { return s.StoreLogs(batch(12, 12, 1)) }, says: "entry 12: it is there"},
		"wrong value":   {spoil: func(s storage.Store) error { return s.Set([]byte("k"), []byte("w")) }, says: `key "k": "w", want "v"`},
		"wrong number":  {spoil: func(s storage.Store) error { return s.SetUint64([]byte("n"), 9) }, says: `key "n": 9, want 7`},
		"kept a prefix": {spoil: func(s storage.Store) error { return s.StoreLogs(batch(0, 0, 1)) }, says: "entry 0: it is there"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.start()
				r.must(r.store.StoreLogs(batch(1, 9, 1)), r.store.SetUint64([]byte("n"), 7), r.store.Set([]byte("k"), []byte("v")))
				r.settled()
				if tc.alter != nil {
					r.onCandidate.Inject(faulty.Fault{On: faulty.GetLog, Alter: tc.alter})
				} else {
					r.must(tc.spoil(r.candidate))
				}
				r.readAll(0, 12)
				rep := r.settled()
				all := strings.Join(rep.Examples, "\n")
				if rep.Differences == 0 || rep.Off != "" || !strings.Contains(all, tc.says) {
					t.Errorf("got %d differences:\n%s\nwant one that says %q", rep.Differences, all, tc.says)
				}
				if !strings.Contains(r.log.String(), "the shadow log store differs") {
					t.Errorf("the log says nothing of it: %s", r.log.String())
				}
				var got raft.Log
				r.must(r.store.GetLog(3, &got))
				if got.Term != 1 || got.Index != 3 || string(got.Data) != string(batch(3, 3, 1)[0].Data) {
					t.Errorf("the store answers %+v", got)
				}
			})
		})
	}
}

// Differences beyond the first few are counted, and logged ever more seldom.
func TestManyDifferences(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.start()
		r.must(r.store.StoreLogs(batch(1, 500, 1)))
		r.settled()
		r.must(r.candidate.DeleteRange(1, 500))
		for i := uint64(1); i <= 500; i++ {
			r.must(r.store.GetLog(i, new(raft.Log)))
			synctest.Wait()
		}
		if rep := r.settled(); rep.Differences != 500 || len(rep.Examples) != 10 {
			t.Errorf("got %d differences and %d examples", rep.Differences, len(rep.Examples))
		}
		if n := strings.Count(r.log.String(), "differs"); n != 11 {
			t.Errorf("got %d lines in the log, want 11:\n%s", n, r.log.String())
		}
	})
}

// Whatever a candidate does wrong, the primary is none the worse, and none the
// slower: in the bubble nothing may have waited for the candidate.
func TestCandidateFails(t *testing.T) {
	for name, tc := range map[string]struct {
		fault   faulty.Fault
		options shadow.Options
		says    string
	}{
		"append error":   {fault: faulty.Fault{On: faulty.StoreLogs, After: 1, Err: errDisk}, says: "StoreLogs of 2 to 20: disk on fire"},
		"short write":    {fault: faulty.Fault{On: faulty.StoreLogs, After: 1, Err: errDisk, Lands: 3}, says: "StoreLogs of 2 to 20: disk on fire"},
		"vote error":     {fault: faulty.Fault{On: faulty.Set, Err: errDisk}, says: `setting "k": disk on fire`},
		"number error":   {fault: faulty.Fault{On: faulty.SetUint64, Err: errDisk}, says: `setting "n": disk on fire`},
		"delete error":   {fault: faulty.Fault{On: faulty.DeleteRange, Err: errDisk}, says: "DeleteRange from 15 to 20: disk on fire"},
		"read error":     {fault: faulty.Fault{On: faulty.GetLog, Err: errDisk}, says: "GetLog of 0: disk on fire"},
		"bound error":    {fault: faulty.Fault{On: faulty.LastIndex, Err: errDisk}, says: "LastIndex: disk on fire"},
		"key error":      {fault: faulty.Fault{On: faulty.Get, Err: errDisk}, says: `reading "k": disk on fire`},
		"write panic":    {fault: faulty.Fault{On: faulty.StoreLogs, Panic: "mad"}, says: "it panicked: mad"},
		"read panic":     {fault: faulty.Fault{On: faulty.GetUint64, Panic: "mad"}, says: "it panicked: mad"},
		"close panic":    {fault: faulty.Fault{On: faulty.Close, Panic: "mad"}, says: ""},
		"hang":           {fault: faulty.Fault{On: faulty.StoreLogs, Delay: time.Hour}, says: "it hangs: a call took more than 30s"},
		"read hang":      {fault: faulty.Fault{On: faulty.GetLog, Delay: time.Hour}, says: "it hangs: a call took more than 30s"},
		"too many calls": {fault: faulty.Fault{On: faulty.Writes, Delay: time.Second}, options: shadow.Options{MaxCalls: 4}, says: "it fell behind: "},
		"too many bytes": {fault: faulty.Fault{On: faulty.Writes, Delay: time.Second}, options: shadow.Options{MaxBytes: 2000}, says: "it fell behind: "},
		"not opened":     {options: shadow.Options{Open: func() (storage.Store, error) { return nil, errDisk }}, says: "it does not open: disk on fire"},
		"opening panics": {options: shadow.Options{Open: func() (storage.Store, error) { panic("mad") }}, says: "it panicked: mad"},
		"opening hangs": {options: shadow.Options{Open: func() (storage.Store, error) {
			time.Sleep(time.Hour)
			return memstore.New(), nil
		}}, says: "it was not open within 30s"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.options = tc.options
				if tc.fault.On != 0 {
					r.onCandidate.Inject(tc.fault)
				}
				began := time.Now()
				r.start()
				r.work()
				r.readAll(0, 60)
				if took := time.Since(began); took != 0 {
					t.Errorf("the primary took %v", took)
				}
				time.Sleep(10 * time.Minute)
				rep := r.settled()
				if (rep.Off != "") != (tc.says != "") || !strings.Contains(rep.Off, tc.says) || rep.Differences != 0 {
					t.Errorf("got %+v, want it off with %q", rep, tc.says)
				}
				if off := strings.Count(r.log.String(), "is off from now on"); (off == 1) != (tc.says != "") || off > 1 {
					t.Errorf("the log has %d lines of it:\n%s", off, r.log.String())
				}
				// It goes on as if nothing had been.
				r.must(r.store.StoreLogs(batch(51, 60, 3)), r.store.GetLog(60, new(raft.Log)))
				if last, err := r.primary.LastIndex(); err != nil || last != 60 {
					t.Errorf("got last index %d, error %v", last, err)
				}
				began = time.Now()
				r.must(r.store.Close(), r.store.Close())
				if took := time.Since(began); took > 2*time.Second {
					t.Errorf("closing took %v", took)
				}
				if err := r.store.StoreLogs(batch(61, 61, 3)); err == nil {
					t.Error("the primary is open after Close")
				}
				time.Sleep(2 * time.Hour) // what hung has returned, and its goroutine ends
			})
		})
	}
}

// Closing waits for neither what is queued nor, for long, a call that hangs.
func TestCloseWithACandidateThatHangs(t *testing.T) {
	inBubble(t, func(r *rig) {
		wake := make(chan struct{})
		r.onCandidate.Inject(faulty.Fault{On: faulty.StoreLogs, Hang: wake})
		r.start()
		r.work()
		synctest.Wait()
		began := time.Now()
		r.must(r.store.Close())
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("closing took %v", took)
		}
		if _, err := r.primary.FirstIndex(); err == nil {
			t.Error("the primary is open after Close")
		}
		close(wake)
		synctest.Wait()
		if _, err := r.candidate.FirstIndex(); err == nil {
			t.Error("the candidate is open although it has returned")
		}
	})
}

// A failed write of the primary is the primary's, and ends the comparison: what
// it holds is not known.
func TestPrimaryFails(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.start()
		r.must(r.store.StoreLogs(batch(1, 9, 1)))
		r.settled()
		r.onPrimary.Inject(faulty.Fault{On: faulty.GetLog, Times: 1, Err: errDisk})
		if err := r.store.GetLog(1, new(raft.Log)); err != errDisk { //nolint:errorlint // as it is
			t.Errorf("got %v, want the primary's error itself", err)
		}
		if rep := r.settled(); rep.Off != "" || rep.Reads != 0 {
			t.Errorf("after a failed read: got %+v", rep)
		}
		r.onPrimary.Inject(faulty.Fault{On: faulty.StoreLogs, Err: errDisk, Lands: 2})
		if err := r.store.StoreLogs(batch(10, 19, 1)); err == nil {
			t.Error("got no error")
		}
		if rep := r.settled(); !strings.Contains(rep.Off, "the primary failed") || rep.Differences != 0 {
			t.Errorf("after a failed write: got %+v", rep)
		}
	})
}

// What Raft does with an entry once it is stored does not reach the candidate.
func TestEntriesAreCopied(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.onCandidate.Inject(faulty.Fault{On: faulty.StoreLogs, Times: 1, Delay: time.Second})
		r.start()
		logs := batch(1, 3, 1)
		r.must(r.store.StoreLogs(logs))
		for _, l := range logs {
			l.Term, l.Data[0], l.Extensions[0] = 9, '!', '!'
		}
		time.Sleep(time.Minute)
		asked := r.readAll(1, 3)
		if rep := r.settled(); rep.Differences != 0 || rep.Reads != asked {
			t.Errorf("got %+v", rep)
		}
	})
}

// A log with holes, which no Raft makes, cannot be shown to a candidate without
// gaps. It is told so, and not blamed.
func TestWhatAGaplessCandidateCannotFollow(t *testing.T) {
	for name, write := range map[string]func(storage.Store) error{
		"a hole":             func(s storage.Store) error { return s.DeleteRange(4, 5) },
		"in the middle":      func(s storage.Store) error { return s.StoreLogs(batch(4, 5, 2)) },
		"before the log":     func(s storage.Store) error { return s.StoreLogs(batch(1, 1, 2)) },
		"from before to end": func(s storage.Store) error { return s.StoreLogs(batch(1, 12, 2)) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.noGaps = true
				r.start()
				r.must(r.store.StoreLogs(batch(2, 9, 1)), write(r.store))
				r.readAll(0, 13)
				if rep := r.settled(); !strings.Contains(rep.Off, "in a way that no Raft does") || rep.Differences != 0 {
					t.Errorf("got %+v", rep)
				}
			})
		})
	}
	// The end may be replaced without being cut first.
	inBubble(t, func(r *rig) {
		r.noGaps = true
		r.start()
		r.must(r.store.StoreLogs(batch(2, 9, 1)), r.store.StoreLogs(batch(7, 12, 2)), r.store.StoreLogs(batch(2, 12, 3)))
		asked := r.readAll(0, 13)
		if rep := r.settled(); rep.Off != "" || rep.Differences != 0 || rep.Reads != asked {
			t.Errorf("got %+v", rep)
		}
	})
}

func TestPrimaryFailsAtTheStart(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.onPrimary.Inject(faulty.Fault{On: faulty.LastIndex, Times: 1, Err: errDisk})
		r.start()
		r.must(r.store.StoreLogs(batch(1, 9, 1)))
		if rep := r.settled(); rep.Off != "the primary failed: disk on fire" || rep.Writes != 0 {
			t.Errorf("got %+v", rep)
		}
	})
}

// Reads that a write overlaps are not held against the candidate, and others
// are compared although writes go on.
func TestConcurrentReadsAndWrites(t *testing.T) {
	s, sh := shadow.Wrap(memstore.New(), shadow.Options{Open: func() (storage.Store, error) { return memstore.New(), nil }})
	var readers sync.WaitGroup
	quit := make(chan struct{})
	for range 3 {
		readers.Go(func() {
			for {
				select {
				case <-quit:
					return
				default:
				}
				for i := range uint64(40) {
					_ = s.GetLog(i, new(raft.Log)) // it may be there or not
				}
				_, _ = s.FirstIndex()
				_, _ = s.LastIndex()
				_, _ = s.GetUint64([]byte("n"))
			}
		})
	}
	for term := uint64(1); term <= 40; term++ {
		err := errors.Join(s.StoreLogs(batch(1, 30, term)), s.SetUint64([]byte("n"), term), s.DeleteRange(20, 30),
			s.StoreLogs(batch(20, 40, term+1)), s.DeleteRange(1, 40))
		if err != nil {
			t.Fatal(err)
		}
		for sh.Report().Waiting > 2000 { // or it falls behind, with the race detector
			runtime.Gosched()
		}
	}
	for sh.Report().Reads == 0 && sh.Report().Off == "" {
		runtime.Gosched()
	}
	close(quit)
	readers.Wait()
	rep := sh.Report()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if rep.Differences != 0 || rep.Off != "" || rep.Skipped == 0 {
		t.Errorf("got %+v", rep)
	}
}

func TestWrapForwardsWhatThePrimaryHas(t *testing.T) {
	for _, has := range []bool{true, false} {
		inBubble(t, func(r *rig) {
			r.primaryHasNone, r.noGaps = has, !has
			r.start()
			m, ok := r.store.(raft.MonotonicLogStore)
			if ok != has || ok && !m.IsMonotonic() {
				t.Errorf("got a store that says whether it is monotonic: %v, want %v", ok, has)
			}
		})
	}
}
