package migrate_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/boltstore"
	"github.com/forkbikash/keyval/storage/guard"
	"github.com/forkbikash/keyval/storage/memstore"
	"github.com/forkbikash/keyval/storage/migrate"
	"github.com/forkbikash/keyval/storage/pebblestore"
	"github.com/forkbikash/keyval/storage/walstore"
)

var durable = map[string]storage.Opener{
	"bolt": boltstore.Open, "wal": walstore.Open, "pebble": pebblestore.Open,
}

func mustDo(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, opener storage.Opener, dir string, o storage.Options) storage.Store {
	t.Helper()
	s, err := opener(dir, o)
	mustDo(t, err)
	t.Cleanup(func() { mustDo(t, s.Close()) })
	return s
}

// entry has something in every field, and not the same as its neighbours.
func entry(index uint64) *raft.Log {
	e := &raft.Log{
		Index: index, Term: 1 + index/10, Type: raft.LogType(index % 4),
		Data:       fmt.Appendf(nil, "data of %d", index),
		AppendedAt: time.Unix(1_700_000_000, int64(index)),
	}
	switch index % 3 {
	case 0:
		e.Extensions = []byte{0, byte(index)}
	case 1:
		e.Data = nil
	}
	return e
}

func fill(t *testing.T, s storage.Store, low, high uint64) {
	t.Helper()
	const batch = 500
	for low <= high {
		var logs []*raft.Log
		for ; low <= high && len(logs) < batch; low++ {
			logs = append(logs, entry(low))
		}
		mustDo(t, s.StoreLogs(logs))
	}
}

func vote(t *testing.T, s storage.Store, term uint64, candidate string) {
	t.Helper()
	mustDo(t, s.SetUint64([]byte("CurrentTerm"), term))
	mustDo(t, s.SetUint64([]byte("LastVoteTerm"), term))
	mustDo(t, s.Set([]byte("LastVoteCand"), []byte(candidate)))
}

func mustNewest(t *testing.T, s storage.Store) migrate.Span {
	t.Helper()
	span, err := migrate.Newest(t.Context(), s)
	mustDo(t, err)
	return span
}

// mustCopy copies what from has and compares it.
func mustCopy(t *testing.T, from, to storage.Store) {
	t.Helper()
	span := mustNewest(t, from)
	var told uint64
	tell := func(done uint64) {
		if done < told || done > span.Len() {
			t.Errorf("told of %d entries after %d, of %d", done, told, span.Len())
		}
		told = done
	}
	mustDo(t, migrate.Copy(t.Context(), from, to, span, tell))
	if told != span.Len() {
		t.Errorf("told of %d entries in the end, of %d", told, span.Len())
	}
	mustDo(t, migrate.Verify(t.Context(), from, to, span, nil))
}

// wantSpan reads the log without the help of what is tested.
func wantSpan(t *testing.T, s storage.Store, low, high uint64) {
	t.Helper()
	first, err := s.FirstIndex()
	mustDo(t, err)
	last, err := s.LastIndex()
	mustDo(t, err)
	if first != low || last != high {
		t.Fatalf("got entries %d to %d, want %d to %d", first, last, low, high)
	}
	for i := low; i <= high && i > 0; i++ {
		var got raft.Log
		mustDo(t, s.GetLog(i, &got))
		want := entry(i)
		if got.Index != want.Index || got.Term != want.Term || got.Type != want.Type || string(got.Data) != string(want.Data) ||
			string(got.Extensions) != string(want.Extensions) || !got.AppendedAt.Equal(want.AppendedAt) {
			t.Fatalf("got entry %+v, want %+v", got, *want)
		}
	}
}

func TestEveryPair(t *testing.T) {
	for fromName, fromOpen := range durable {
		for toName, toOpen := range durable {
			if fromName == toName {
				continue
			}
			t.Run(fromName+" to "+toName, func(t *testing.T) {
				for _, c := range []struct {
					name      string
					low, high uint64
					voted     bool
				}{
					{"a node that voted", 1, 40, true},
					{"a log without its head", 7, 40, true},
					{"one entry", 9, 9, false},
					{"an empty log of a node that voted", 0, 0, true},
					{"nothing at all", 0, 0, false},
				} {
					t.Run(c.name, func(t *testing.T) {
						source, target := t.TempDir(), t.TempDir()
						from := guard.Wrap(open(t, fromOpen, source, storage.Options{}), nil)
						if c.high > 0 {
							fill(t, from, c.low, c.high)
						}
						if c.voted {
							vote(t, from, 5, "node1")
						}
						bare, err := toOpen(target, storage.Options{})
						mustDo(t, err)
						mustCopy(t, from, guard.Wrap(bare, nil))
						mustDo(t, bare.Close())

						to := guard.Wrap(open(t, toOpen, target, storage.Options{ReadOnly: true}), nil)
						wantSpan(t, to, c.low, c.high)
						st, err := migrate.ReadState(to)
						mustDo(t, err)
						want := migrate.State{}
						if c.voted {
							want = migrate.State{Term: 5, Voted: true, VoteTerm: 5, Candidate: "node1"}
						}
						if st != want {
							t.Errorf("got %v, want %v", st, want)
						}
					})
				}
			})
		}
	}
}

func TestLargeLog(t *testing.T) {
	from, to := open(t, walstore.Open, t.TempDir(), storage.Options{}), open(t, boltstore.Open, t.TempDir(), storage.Options{})
	fill(t, from, 3, 10_002)
	vote(t, from, 2000, "node1")
	mustCopy(t, from, to)
	wantSpan(t, to, 3, 10_002)
}

// A guarded vote is one record that only the guard understands; on either side
// it may be worn or not.
func TestVoteThroughTheGuard(t *testing.T) {
	bare := func(s storage.Store) storage.Store { return s }
	guarded := func(s storage.Store) storage.Store { return guard.Wrap(s, nil) }
	for name, worn := range map[string]struct {
		from, to func(storage.Store) storage.Store
	}{
		"both": {guarded, guarded}, "put on": {bare, guarded}, "taken off": {guarded, bare}, "neither": {bare, bare},
	} {
		t.Run(name, func(t *testing.T) {
			from, to := worn.from(memstore.New()), worn.to(memstore.New())
			vote(t, from, 3, "node1")
			vote(t, from, 4, "node2")
			mustDo(t, from.SetUint64([]byte("CurrentTerm"), 6))
			mustCopy(t, from, to)
			st, err := migrate.ReadState(to)
			mustDo(t, err)
			if want := (migrate.State{Term: 6, Voted: true, VoteTerm: 4, Candidate: "node2"}); st != want {
				t.Errorf("got %v, want %v", st, want)
			}
		})
	}
}

// A bare store that was cut short while it voted for the first time has a term
// without a candidate; nobody was told of that vote.
func TestVoteWithoutACandidate(t *testing.T) {
	from, to := memstore.New(), guard.Wrap(memstore.New(), nil)
	mustDo(t, from.SetUint64([]byte("CurrentTerm"), 3))
	mustDo(t, from.SetUint64([]byte("LastVoteTerm"), 3))
	mustCopy(t, from, to)
	if st, err := migrate.ReadState(to); err != nil || st != (migrate.State{Term: 3}) {
		t.Errorf("got %v, %v", st, err)
	}
}

func TestNewest(t *testing.T) {
	for _, c := range []struct {
		name string
		has  [][2]uint64
		want migrate.Span
	}{
		{"empty", nil, migrate.Span{}},
		{"whole", [][2]uint64{{1, 9}}, migrate.Span{First: 1, Last: 9}},
		{"a gap", [][2]uint64{{1, 9}, {20, 30}}, migrate.Span{First: 20, Last: 30}},
		{"several gaps", [][2]uint64{{1, 9}, {20, 30}, {32, 32}}, migrate.Span{First: 32, Last: 32}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := memstore.New()
			for _, run := range c.has {
				fill(t, s, run[0], run[1])
			}
			if got := mustNewest(t, s); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// A log with a gap goes to a store that takes none: what is above the gap does.
func TestGapToContiguousStore(t *testing.T) {
	for _, name := range []string{"bolt", "pebble"} {
		t.Run(name, func(t *testing.T) {
			from := open(t, durable[name], t.TempDir(), storage.Options{})
			fill(t, from, 1, 9)
			fill(t, from, 20, 30)
			to := open(t, walstore.Open, t.TempDir(), storage.Options{})
			mustCopy(t, from, to)
			wantSpan(t, to, 20, 30)
		})
	}
}

// lying is a log that has other entries than it should.
type lying struct {
	storage.Store
	at  uint64
	lie func(*raft.Log) error
}

func (l lying) GetLog(index uint64, e *raft.Log) error {
	if err := l.Store.GetLog(index, e); err != nil || index != l.at {
		return err
	}
	return l.lie(e)
}

var errDisk = errors.New("disk on fire")

func TestNewestOfWhatIsNotRaftsLog(t *testing.T) {
	for _, c := range []struct {
		name string
		lie  func(*raft.Log) error
		want error
	}{
		{"another index", func(e *raft.Log) error { e.Index++; return nil }, migrate.ErrOrder},
		{"a term that goes back", func(e *raft.Log) error { e.Term = 99; return nil }, migrate.ErrOrder},
		{"an error", func(*raft.Log) error { return errDisk }, errDisk},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := memstore.New()
			fill(t, s, 1, 30)
			if span, err := migrate.Newest(t.Context(), lying{s, 15, c.lie}); !errors.Is(err, c.want) {
				t.Errorf("got %v, %v, want %v", span, err, c.want)
			}
		})
	}
	s := memstore.New()
	fill(t, s, 1, 30)
	missing := lying{s, 30, func(*raft.Log) error { return raft.ErrLogNotFound }}
	if span, err := migrate.Newest(t.Context(), missing); err == nil {
		t.Errorf("a log without its last entry: got %v", span)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	from, to := memstore.New(), memstore.New()
	fill(t, from, 1, 9)
	span := migrate.Span{First: 1, Last: 9}
	if _, err := migrate.Newest(ctx, from); !errors.Is(err, context.Canceled) {
		t.Errorf("Newest: got %v", err)
	}
	if err := migrate.Copy(ctx, from, to, span, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Copy: got %v", err)
	}
	mustCopy(t, from, to)
	if err := migrate.Verify(ctx, from, to, span, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Verify: got %v", err)
	}
}
