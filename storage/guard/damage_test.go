package guard

import (
	"errors"
	"fmt"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/memstore"
)

// damage changes a stored entry behind the guard's back.
func damage(t *testing.T, disk storage.Store, index uint64) {
	t.Helper()
	var l raft.Log
	if err := disk.GetLog(index, &l); err != nil {
		t.Fatal(err)
	}
	l.Data[0] ^= 1
	if err := disk.StoreLog(&l); err != nil {
		t.Fatal(err)
	}
}

func TestDamageRefusesToOpen(t *testing.T) {
	disk, d := used(t)
	damage(t, disk, 3)
	for _, mode := range []Mode{On, Strict} {
		if _, err := open(disk, d.restart(), mode); !contains(err, "log entry 3 in dir is damaged", "join again") {
			t.Errorf("%s: got %v, want an error that names entry 3 and what to do", mode, err)
		}
	}
}

func TestDamageIsReportedWhenItIsRead(t *testing.T) {
	for _, what := range []string{"changed", "without checksum"} {
		disk, d := used(t)
		var reported []error
		opener := func(string, storage.Options) (storage.Store, error) { return disk, nil }
		g, err := Opener(opener, Options{disk: d, OnFail: func(err error) { reported = append(reported, err) }})("dir", storage.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if what == "changed" {
			damage(t, disk, 3)
		} else if err := disk.StoreLogs(logs(3, 3, 1)); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			err := g.GetLog(3, new(raft.Log))
			if !contains(err, "log entry 3") || errors.Is(err, raft.ErrLogNotFound) {
				t.Errorf("%s: got %v, want an error that names entry 3 and is no miss", what, err)
			}
		}
		if len(reported) != 1 || !contains(reported[0], "log entry 3") {
			t.Errorf("%s: got reports %v, want one that names entry 3", what, reported)
		}
		if err := g.StoreLogs(logs(6, 6, 1)); !contains(err, "log entry 3") {
			t.Errorf("%s: append afterwards: got %v, want it refused because of entry 3", what, err)
		}
		_ = g.Close()
		if rec, _, err := decodeMark(d.files["dir/"+FileName]); err != nil || rec.clean {
			t.Errorf("%s: got record %+v, error %v; want one that is not clean", what, rec, err)
		}
	}
}

func TestStoreThatPanicsIsDamaged(t *testing.T) {
	disk, d := used(t)
	if _, err := open(panicking{disk}, d, On); !contains(err, "log entry 4", "page 17", "join again") {
		t.Errorf("got %v, want an error that names entry 4 and what the store said", err)
	}
}

func TestStoreThatPanicsWhenItIsOpened(t *testing.T) {
	opener := func(string, storage.Options) (storage.Store, error) { panic("page 17: no such thing") }
	if _, err := Opener(opener, Options{disk: newFakeDisk()})("dir", storage.Options{}); !contains(err, "log store in dir is damaged", "page 17", "join again") {
		t.Errorf("got %v, want an error that names the store and what it said", err)
	}
}

type panicking struct{ storage.Store }

func (p panicking) GetLog(index uint64, l *raft.Log) error {
	if index == 4 {
		panic("page 17: no such thing")
	}
	return p.Store.GetLog(index, l)
}

func TestMissingEntryRefusesToOpen(t *testing.T) {
	for _, tc := range []struct {
		index uint64
		words []string
	}{
		{1, []string{"log entry 1 had been acknowledged", "begins at 2"}},
		{3, []string{"log entry 3", "missing"}},
		{5, []string{"log entry 5 had been acknowledged", "ends at 4"}},
	} {
		disk, d := used(t)
		if err := disk.DeleteRange(tc.index, tc.index); err != nil {
			t.Fatal(err)
		}
		if _, err := open(disk, d, On); !contains(err, tc.words...) {
			t.Errorf("entry %d is missing: got %v, want an error with %q", tc.index, err, tc.words)
		}
	}
	disk, d := used(t)
	if err := disk.DeleteRange(1, 5); err != nil {
		t.Fatal(err)
	}
	if _, err := open(disk, d, On); !contains(err, "log entries 1 to 5 had been acknowledged", "is empty") {
		t.Errorf("all are missing: got %v, want an error that says so", err)
	}
}

// TestGapsAreNoDamage: a gap is allowed where entries were stored so, and where
// some were removed.
func TestGapsAreNoDamage(t *testing.T) {
	disk, d := used(t)
	g := mustOpen(t, disk, d, On)
	gappy := append(logs(100, 102, 2), logs(200, 203, 2)...)
	if err := errors.Join(g.StoreLogs(gappy), g.DeleteRange(201, 202), g.DeleteRange(1, 50), g.Close()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := mustOpen(t, disk, d, On).Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := disk.DeleteRange(101, 101); err != nil {
		t.Fatal(err)
	}
	if _, err := open(disk, d, On); !contains(err, "log entry 101", "missing") {
		t.Errorf("got %v, want an error that entry 101 is missing", err)
	}
}

func TestDamageOnEitherSideOfAGap(t *testing.T) {
	for _, index := range []uint64{2, 1 << 40} {
		disk, d := memstore.New(), newFakeDisk()
		g := mustOpen(t, disk, d, On)
		if err := errors.Join(g.StoreLogs(logs(1, 5, 1)), g.StoreLogs(logs(1<<40-1, 1<<40, 2)), g.Close()); err != nil {
			t.Fatal(err)
		}
		damage(t, disk, index)
		if _, err := open(disk, d, On); !contains(err, fmt.Sprintf("log entry %d in", index)) {
			t.Errorf("got %v, want an error that names entry %d", err, index)
		}
	}
}

// TestEntryThatIsReplacedWhileItIsRead: its checksum was due when the reading
// began, and is not any more.
func TestEntryThatIsReplacedWhileItIsRead(t *testing.T) {
	disk, d := used(t)
	slow := &interrupted{Store: disk}
	g := mustOpen(t, slow, d, Off)
	slow.before = func() {
		if err := errors.Join(g.DeleteRange(5, 5), g.StoreLogs(logs(5, 5, 2))); err != nil {
			t.Error(err)
		}
	}
	var l raft.Log
	if err := g.GetLog(5, &l); err != nil || l.Term != 2 {
		t.Errorf("got entry %+v, error %v; want that of term 2", l, err)
	}
}

// interrupted does something else, once, before it reads entry 5.
type interrupted struct {
	storage.Store
	before func()
}

func (s *interrupted) GetLog(index uint64, l *raft.Log) error {
	if before := s.before; before != nil && index == 5 {
		s.before = nil
		before()
	}
	return s.Store.GetLog(index, l)
}
