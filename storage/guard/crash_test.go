package guard

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/memstore"
)

func open(s storage.Store, d *fakeDisk, mode Mode) (storage.Store, error) {
	opener := func(string, storage.Options) (storage.Store, error) { return diskStore{s, d.machine}, nil }
	return Opener(opener, Options{Mode: mode, disk: d})("dir", storage.Options{})
}

func logs(from, to, term uint64) []*raft.Log {
	var all []*raft.Log
	for i := from; i <= to; i++ {
		all = append(all, &raft.Log{Index: i, Term: term, Data: fmt.Appendf(nil, "%d/%d", i, term)})
	}
	return all
}

// step is a call, or without one another opening in the mode of that name.
type step struct {
	name string
	do   func(storage.Store) error
}

// aLife is what a log goes through.
var aLife = []step{
	{"append", func(s storage.Store) error { return s.StoreLogs(logs(1, 6, 1)) }},
	{"cut the end", func(s storage.Store) error { return s.DeleteRange(5, 6) }},
	{"append again", func(s storage.Store) error { return s.StoreLogs(logs(5, 9, 2)) }},
	{"off", nil},
	{"append bare", func(s storage.Store) error { return s.StoreLogs(logs(10, 12, 3)) }},
	{"cut into the guarded", func(s storage.Store) error { return s.DeleteRange(8, 12) }},
	{"append bare again", func(s storage.Store) error { return s.StoreLogs(logs(8, 11, 4)) }},
	{"on", nil},
	{"append guarded", func(s storage.Store) error { return s.StoreLogs(logs(12, 14, 5)) }},
	{"cut into the bare", func(s storage.Store) error { return s.DeleteRange(10, 14) }},
	{"append guarded again", func(s storage.Store) error { return s.StoreLogs(logs(10, 13, 6)) }},
	{"strict", nil},
	{"append strictly", func(s storage.Store) error { return s.StoreLog(logs(14, 14, 6)[0]) }},
	{"cut the head", func(s storage.Store) error { return s.DeleteRange(1, 3) }},
	{"cut everything", func(s storage.Store) error { return s.DeleteRange(4, 14) }},
	{"go on above a snapshot", func(s storage.Store) error { return s.StoreLogs(logs(100, 102, 7)) }},
	{"on", nil},
	{"append above a gap", func(s storage.Store) error { return s.StoreLogs(logs(200, 201, 8)) }},
	{"cut down to the gap", func(s storage.Store) error { return s.DeleteRange(150, 201) }},
	{"cut everything", func(s storage.Store) error { return s.DeleteRange(0, 1000) }},
	{"go on lower", func(s storage.Store) error { return s.StoreLogs(logs(3, 4, 9)) }},
}

// contents are the entries of s, for comparing.
func contents(s storage.Store) (string, error) {
	first, last, err := bounds(s)
	if err != nil || last == 0 {
		return "", err
	}
	var all string
	for i := first; i <= last; i++ {
		var l raft.Log
		err := s.GetLog(i, &l)
		if errors.Is(err, raft.ErrLogNotFound) {
			continue
		}
		if err != nil {
			return "", err
		}
		if l.Extensions != nil {
			return "", fmt.Errorf("entry %d has extensions %q", i, l.Extensions)
		}
		all += fmt.Sprintf("%d:%s ", i, l.Data)
	}
	return all, nil
}

// expected is what a bare store holds after each step.
func expected(t *testing.T, life []step) []string {
	t.Helper()
	s := memstore.New()
	after := make([]string, len(life))
	for i, step := range life {
		if step.do != nil {
			if err := step.do(s); err != nil {
				t.Fatal(err)
			}
		}
		var err error
		if after[i], err = contents(s); err != nil {
			t.Fatal(err)
		}
	}
	return after
}

// live goes through life on that disk until the machine stops, and returns how
// many steps were acknowledged.
func live(t *testing.T, life []step, disk storage.Store, d *fakeDisk) (steps int) {
	t.Helper()
	s, err := open(disk, d, On)
	for i := 0; err == nil && i < len(life); i++ {
		if do := life[i].do; do != nil {
			err = do(s)
		} else if err = s.Close(); err == nil {
			s, err = open(disk, d, Mode(life[i].name))
		}
		if err == nil {
			steps = i + 1
			time.Sleep(time.Second) // the mark is written meanwhile
			synctest.Wait()
		}
	}
	if err != nil && !errors.Is(err, errStopped) {
		t.Fatalf("after %d steps: %v", steps, err)
	}
	if s != nil {
		d.left, d.stopped = 0, true // it is a crash, not a close
		_ = s.Close()               // ends what runs in the background
	}
	return steps
}

// TestCrashAtEveryWrite stops the machine in every write of the log store and of
// the mark: whatever was acknowledged is there, and the guard takes nothing for
// gone or damaged that is not.
func TestCrashAtEveryWrite(t *testing.T) {
	life := aLife
	after := expected(t, life)
	for _, last := range []string{"nothing", "torn", "all"} {
		done := false
		for at := 0; !done; at++ {
			synctest.Test(t, func(t *testing.T) {
				disk, d := memstore.New(), newFakeDisk()
				d.left, d.last = at, last
				steps := live(t, life, disk, d)
				done = steps == len(life)
				checkAfterCrash(t, life, disk, d.restart(), []Mode{On, Strict}[at%2], steps, after)
				if t.Failed() {
					t.Logf("stopped in write %d, of which %s happened", at+1, last)
				}
			})
		}
	}
}

func checkAfterCrash(t *testing.T, life []step, disk storage.Store, d *fakeDisk, mode Mode, steps int, after []string) {
	t.Helper()
	s, err := open(disk, d, mode)
	if err != nil {
		t.Errorf("after %d steps: open: %v", steps, err)
		return
	}
	defer s.Close()                                      //nolint:errcheck // what it holds is what the test is about
	closed := steps < len(life) && life[steps].do == nil // and the next opening did not get far
	if len(d.synced) == 0 && !closed {
		t.Errorf("after %d steps: the directory was not synced after a crash", steps)
	}
	got, err := contents(s)
	if err != nil {
		t.Errorf("after %d steps: %v", steps, err)
		return
	}
	var before, next string
	if steps > 0 {
		before = after[steps-1]
	}
	if next = before; steps < len(life) {
		next = after[steps]
	}
	if got != before && got != next {
		t.Errorf("after %d steps: got %q, want %q or %q", steps, got, before, next)
	}
}

// TestCrashInRandomLives does the same with lives of which nobody thought.
func TestCrashInRandomLives(t *testing.T) {
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // to be repeatable
		life := randomLife(r)
		synctest.Test(t, func(t *testing.T) {
			disk, d := memstore.New(), newFakeDisk()
			defer func() {
				for i, s := range life {
					if t.Failed() {
						t.Logf("seed %d: %d %s", seed, i+1, s.name)
					}
				}
			}()
			d.left, d.last = r.IntN(4*len(life)), []string{"nothing", "torn", "all"}[r.IntN(3)]
			steps := live(t, life, disk, d)
			checkAfterCrash(t, life, disk, d.restart(), []Mode{On, Strict}[r.IntN(2)], steps, expected(t, life))
		})
	}
}

func randomLife(r *rand.Rand) []step {
	life := make([]step, 30)
	next := uint64(1) // a likely index
	for i := range life {
		low := next - min(next, r.Uint64N(8))
		high := low + r.Uint64N(12)
		switch r.IntN(8) {
		case 0:
			life[i] = step{name: []string{"on", "strict", "off"}[r.IntN(3)]}
		case 1, 2:
			life[i] = step{fmt.Sprintf("cut %d to %d", low, high), func(s storage.Store) error { return s.DeleteRange(low, high) }}
			next = max(low, 1)
		case 3:
			life[i] = step{fmt.Sprintf("cut up to %d", low), func(s storage.Store) error { return s.DeleteRange(0, low) }}
		default:
			if r.IntN(5) == 0 {
				next += r.Uint64N(4) // a gap
			}
			from, to, term := max(next, 1), next+r.Uint64N(4), uint64(i)
			life[i] = step{fmt.Sprintf("append %d to %d", from, to), func(s storage.Store) error { return s.StoreLogs(logs(from, to, term)) }}
			next = to + 1
		}
	}
	return life
}

// TestVanishedEnd cuts acknowledged entries off behind the guard's back, after
// every step of a life.
func TestVanishedEnd(t *testing.T) {
	for steps := 1; steps <= len(aLife); steps++ {
		synctest.Test(t, func(t *testing.T) {
			disk, d := memstore.New(), newFakeDisk()
			mode := On
			s, err := open(disk, d, mode)
			for i := 0; err == nil && i < steps; i++ {
				if do := aLife[i].do; do != nil {
					err = do(s)
				} else if err = s.Close(); err == nil {
					mode = Mode(aLife[i].name)
					s, err = open(disk, d, mode)
				}
			}
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close() //nolint:errcheck // the test is about what a crash leaves
			time.Sleep(window)
			synctest.Wait()
			_, last, err := bounds(disk)
			if err != nil || last == 0 || mode == Off {
				return // nothing was acknowledged that could be missed
			}
			if err := disk.DeleteRange(last, last); err != nil {
				t.Fatal(err)
			}
			again, err := open(disk, d.restart(), On)
			if err == nil {
				_ = again.Close()
				t.Fatalf("after %q: entry %d is gone and the store opened", aLife[steps-1].name, last)
			}
			if !contains(err, fmt.Sprint(last), "acknowledged", "join again") {
				t.Errorf("after %q: got %v, want it to name entry %d and what to do", aLife[steps-1].name, err, last)
			}
		})
	}
}
