package migrate_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/guard"
	"github.com/forkbikash/keyval/storage/memstore"
	"github.com/forkbikash/keyval/storage/migrate"
	"github.com/forkbikash/keyval/storage/walstore"
)

// What an earlier copy left may be anything: the node may have served since.
func TestResume(t *testing.T) {
	for _, c := range []struct {
		name string
		left func(*testing.T, storage.Store)
	}{
		{"half", func(t *testing.T, s storage.Store) { fill(t, s, 5, 20) }},
		{"all", func(t *testing.T, s storage.Store) { fill(t, s, 5, 40) }},
		{"more", func(t *testing.T, s storage.Store) { fill(t, s, 5, 60) }},
		{"an older head", func(t *testing.T, s storage.Store) { fill(t, s, 1, 20) }},
		{"a later head", func(t *testing.T, s storage.Store) { fill(t, s, 9, 20) }},
		{"a tail that was replaced since", func(t *testing.T, s storage.Store) {
			fill(t, s, 5, 15)
			for i := uint64(16); i <= 50; i++ {
				mustDo(t, s.StoreLog(&raft.Log{Index: i, Term: 2, Data: []byte("never committed")}))
			}
		}},
		{"an older vote", func(t *testing.T, s storage.Store) { vote(t, s, 2, "node9") }},
	} {
		for name, target := range map[string]func(*testing.T) storage.Store{
			"mem": func(*testing.T) storage.Store { return memstore.New() },
			"wal": func(t *testing.T) storage.Store { return open(t, walstore.Open, t.TempDir(), storage.Options{}) },
		} {
			t.Run(c.name+" in "+name, func(t *testing.T) {
				from, to := memstore.New(), target(t)
				fill(t, from, 5, 40)
				vote(t, from, 7, "node1")
				c.left(t, to)
				mustCopy(t, from, to)
				wantSpan(t, to, 5, 40)
			})
		}
	}
}

// dying is a store whose writes fail from the n-th on, as if the process had
// been killed there. A write that fails may have been done or not.
type dying struct {
	storage.Store
	left int
	done bool
}

func (d *dying) write(do func() error) error {
	d.left--
	switch {
	case d.left > 0:
		return do()
	case d.left == 0 && d.done:
		return errors.Join(do(), errDisk)
	}
	return errDisk
}

func (d *dying) StoreLogs(logs []*raft.Log) error {
	return d.write(func() error { return d.Store.StoreLogs(logs) })
}

func (d *dying) DeleteRange(low, high uint64) error {
	return d.write(func() error { return d.Store.DeleteRange(low, high) })
}

func (d *dying) Set(key, value []byte) error {
	return d.write(func() error { return d.Store.Set(key, value) })
}

func (d *dying) SetUint64(key []byte, value uint64) error {
	return d.write(func() error { return d.Store.SetUint64(key, value) })
}

func TestFailureAtEachWrite(t *testing.T) {
	const last = 1700 // several batches
	for _, done := range []bool{false, true} {
		for n := 1; ; n++ {
			from := memstore.New()
			fill(t, from, 5, last)
			vote(t, from, 500, "node1")
			disk := memstore.New()
			fill(t, disk, 5, 30)
			mustDo(t, disk.StoreLog(&raft.Log{Index: 31, Term: 1})) // something to delete
			span := mustNewest(t, from)
			err := migrate.Copy(t.Context(), from, guard.Wrap(&dying{Store: disk, left: n, done: done}, nil), span, nil)
			if err == nil {
				if n < 6 {
					t.Fatalf("got only %d writes", n-1)
				}
				break
			}
			if !errors.Is(err, errDisk) {
				t.Fatalf("write %d: got %v, want the error of the disk", n, err)
			}
			wantSpan(t, from, 5, last)
			mustCopy(t, from, guard.Wrap(disk, nil))
			wantSpan(t, disk, 5, last)
		}
	}
}

func TestVerifyFindsEveryDifference(t *testing.T) {
	change := func(index uint64, f func(*raft.Log)) func(*testing.T, storage.Store) {
		return func(t *testing.T, s storage.Store) {
			e := entry(index)
			f(e)
			mustDo(t, s.StoreLog(e))
		}
	}
	for _, c := range []struct {
		name string
		do   func(*testing.T, storage.Store)
		want string
	}{
		{"another term", change(12, func(e *raft.Log) { e.Term++ }), "entry 12"},
		{"another type", change(12, func(e *raft.Log) { e.Type++ }), "entry 12"},
		{"other data", change(12, func(e *raft.Log) { e.Data[0]++ }), "entry 12"},
		{"other extensions", change(12, func(e *raft.Log) { e.Extensions[0]++ }), "entry 12"},
		{"another time", change(12, func(e *raft.Log) { e.AppendedAt = e.AppendedAt.Add(1) }), "entry 12"},
		{"the last entry missing", func(t *testing.T, s storage.Store) { mustDo(t, s.DeleteRange(20, 20)) }, "5 to 19, not 5 to 20"},
		{"the first entry missing", func(t *testing.T, s storage.Store) { mustDo(t, s.DeleteRange(5, 5)) }, "6 to 20, not 5 to 20"},
		{"one missing", func(t *testing.T, s storage.Store) { mustDo(t, s.DeleteRange(8, 8)) }, "lacks entry 8"},
		{"one too many", func(t *testing.T, s storage.Store) { fill(t, s, 21, 21) }, "5 to 21, not 5 to 20"},
		{"another term seen", func(t *testing.T, s storage.Store) { mustDo(t, s.SetUint64([]byte("CurrentTerm"), 8)) }, "term 8"},
		{"another vote", func(t *testing.T, s storage.Store) { vote(t, s, 7, "node2") }, "node2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			from, to := memstore.New(), memstore.New()
			fill(t, from, 5, 20)
			vote(t, from, 7, "node1")
			mustCopy(t, from, to)
			c.do(t, to)
			err := migrate.Verify(t.Context(), from, to, migrate.Span{First: 5, Last: 20}, nil)
			if !errors.Is(err, migrate.ErrDiffers) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want ErrDiffers with %q", err, c.want)
			}
		})
	}
}

// A vote in a target that the source never gave cannot be taken out again.
func TestVoteTooMany(t *testing.T) {
	from, to := memstore.New(), memstore.New()
	vote(t, to, 2, "node9")
	mustDo(t, migrate.Copy(t.Context(), from, to, migrate.Span{}, nil))
	if err := migrate.Verify(t.Context(), from, to, migrate.Span{}, nil); !errors.Is(err, migrate.ErrDiffers) {
		t.Errorf("got %v, want ErrDiffers", err)
	}
}
