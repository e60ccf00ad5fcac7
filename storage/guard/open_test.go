package guard

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/boltstore"
	"github.com/forkbikash/keyval/storage/memstore"
)

func contains(err error, words ...string) bool {
	return err != nil && !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(err.Error(), w) })
}

func mustOpen(t *testing.T, s storage.Store, d *fakeDisk, mode Mode) storage.Store {
	t.Helper()
	g, err := open(s, d, mode)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close() }) // twice, where the test closes it
	return g
}

// used is a store that was guarded, with entries 1 to 5, and closed.
func used(t *testing.T) (*memstore.Store, *fakeDisk) {
	t.Helper()
	disk, d := memstore.New(), newFakeDisk()
	g := mustOpen(t, disk, d, On)
	if err := errors.Join(g.StoreLogs(logs(1, 5, 1)), g.SetUint64([]byte("LastVoteTerm"), 4), g.Set([]byte("LastVoteCand"), []byte("A")), g.Close()); err != nil {
		t.Fatal(err)
	}
	return disk, d
}

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

func TestSyncAfterAnUncleanStopOnly(t *testing.T) {
	disk, d := memstore.New(), newFakeDisk()
	opener := Opener(func(string, storage.Options) (storage.Store, error) { return diskStore{disk, d.machine}, nil },
		Options{disk: d, AlsoSync: []string{"snapshots"}})
	again := func(want ...string) storage.Store {
		t.Helper()
		d.synced = nil
		g, err := opener("dir", storage.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = g.Close() })
		if !slices.Equal(d.synced, want) {
			t.Errorf("got %q synced, want %q", d.synced, want)
		}
		return g
	}
	g := again("dir", "snapshots") // nobody knows what was before
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	again() // and is not closed
	g = again("dir", "snapshots")
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	again()
}

func TestMarkThatIsGoneIsMissed(t *testing.T) {
	disk, d := used(t)
	delete(d.files, "dir/"+FileName)
	if _, err := open(disk, d, On); !contains(err, FileName, "gone", "off") {
		t.Fatalf("got %v, want an error that names the mark and what to do", err)
	}
	if err := mustOpen(t, disk, d, Off).Close(); err != nil {
		t.Fatal(err)
	}
	g := mustOpen(t, disk, d, On)
	if got, err := contents(g); err != nil || got != "1:1/1 2:2/1 3:3/1 4:4/1 5:5/1 " {
		t.Errorf("got %q, error %v; want entries 1 to 5 without their old checksums", got, err)
	}
}

func TestDamagedMarkRefusesToOpen(t *testing.T) {
	for name, tc := range map[string]struct {
		content []byte
		want    string
	}{
		"damaged":       {make([]byte, markSize), "is damaged"},
		"newer version": {headOf(9), "version 9"},
	} {
		for _, mode := range []Mode{On, Strict, Off} {
			disk, d := used(t)
			d.files["dir/"+FileName] = tc.content
			if _, err := open(disk, d, mode); !contains(err, "dir/"+FileName, tc.want) {
				t.Errorf("%s, %s: got %v, want an error that names the file and says %q", name, mode, err, tc.want)
			}
		}
	}
}

func TestPutOnAStoreThatWasBare(t *testing.T) {
	disk, d := memstore.New(), newFakeDisk()
	if err := disk.StoreLogs(logs(1, 5, 1)); err != nil {
		t.Fatal(err)
	}
	g := mustOpen(t, disk, d, On)
	if err := errors.Join(g.StoreLogs(logs(6, 8, 1)), g.Close()); err != nil {
		t.Fatal(err)
	}
	damage(t, disk, 5) // has no checksum: nobody can know
	mustOpen(t, disk, d.restart(), On)
	damage(t, disk, 6)
	if _, err := open(disk, d.restart(), On); !contains(err, "log entry 6") {
		t.Errorf("got %v, want an error that names entry 6", err)
	}
}

func TestOffWritesTheVoteBackAndReadsChecksums(t *testing.T) {
	disk, d := used(t)
	g := mustOpen(t, disk, d, Off)
	if term, err := disk.GetUint64([]byte("LastVoteTerm")); err != nil || term != 4 {
		t.Errorf("got term %d of the vote in the bare store, error %v; want 4", term, err)
	}
	if err := g.StoreLogs(logs(6, 7, 2)); err != nil {
		t.Fatal(err)
	}
	if got, err := contents(g); err != nil || got != "1:1/1 2:2/1 3:3/1 4:4/1 5:5/1 6:6/2 7:7/2 " {
		t.Errorf("got %q, error %v; want entries 1 to 7 without checksums", got, err)
	}
	var l raft.Log
	if err := disk.GetLog(7, &l); err != nil || l.Extensions != nil {
		t.Errorf("got extensions %q stored, error %v; want none", l.Extensions, err)
	}
	if err := errors.Join(g.SetUint64([]byte("LastVoteTerm"), 6), g.Close()); err != nil {
		t.Fatal(err)
	}
	if term, err := disk.GetUint64([]byte("LastVoteTerm")); err != nil || term != 6 {
		t.Errorf("got term %d of the vote after one without guard, error %v; want 6", term, err)
	}
	if err := disk.DeleteRange(6, 7); err != nil { // what was never marked is not missed
		t.Fatal(err)
	}
	mustOpen(t, disk, d, On)
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

// TestOnAndOffVeryOften: what the mark has no room for is not checked any more,
// and read all the same.
func TestOnAndOffVeryOften(t *testing.T) {
	disk, d := memstore.New(), newFakeDisk()
	last := uint64(0)
	for range maxSpans + 5 {
		for _, mode := range []Mode{On, Off} {
			g := mustOpen(t, disk, d, mode)
			last++
			if err := errors.Join(g.StoreLogs(logs(last, last, 1)), g.Close()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := contents(mustOpen(t, disk, d.restart(), On)); err != nil {
		t.Error(err)
	}
	damage(t, disk, last-1)
	if _, err := open(disk, d.restart(), On); !contains(err, fmt.Sprintf("log entry %d in", last-1)) {
		t.Errorf("got %v, want an error that names entry %d", err, last-1)
	}
}

func TestReadOnlyChangesNothing(t *testing.T) {
	for name, d := range map[string]*fakeDisk{"with a mark": nil, "without one": newFakeDisk()} {
		disk := memstore.New()
		if d == nil {
			disk, d = used(t)
		} else if err := disk.StoreLogs(logs(1, 5, 1)); err != nil {
			t.Fatal(err)
		}
		d.left, d.synced = 0, nil // every write is an error from here
		before := maps.Clone(d.files)
		opener := Opener(func(string, storage.Options) (storage.Store, error) { return diskStore{disk, d.machine}, nil }, Options{disk: d})
		g, err := opener("dir", storage.Options{ReadOnly: true})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got, err := contents(g); err != nil || got != "1:1/1 2:2/1 3:3/1 4:4/1 5:5/1 " {
			t.Errorf("%s: got %q, error %v; want entries 1 to 5", name, got, err)
		}
		if err := g.Close(); err != nil {
			t.Errorf("%s: close: %v", name, err)
		}
		if d.stopped || len(d.synced) > 0 || !maps.EqualFunc(before, d.files, slices.Equal) {
			t.Errorf("%s: something was written or synced", name)
		}
	}
}

// TestFilesOfTheGuard is the guard on a real disk.
func TestFilesOfTheGuard(t *testing.T) {
	dir, snapshots := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(snapshots, "meta"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	opener := Opener(boltstore.Open, Options{AlsoSync: []string{snapshots, filepath.Join(dir, "missing")}})
	for i := uint64(1); i <= 3; i++ {
		g, err := opener(dir, storage.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(g.StoreLogs(logs(i, i, 1)), g.Close()); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(dir, FileName))
		if err != nil {
			t.Fatal(err)
		}
		if rec, _, err := decodeMark(b); err != nil || !rec.clean || rec.high != i {
			t.Errorf("got record %+v after Close, error %v; want a clean one of %d", rec, err, i)
		}
	}
}

func TestParseMode(t *testing.T) {
	for text, want := range map[string]Mode{"": On, "on": On, "strict": Strict, "off": Off} {
		if got, err := ParseMode(text); err != nil || got != want {
			t.Errorf("%q: got %q, error %v; want %q", text, got, err, want)
		}
	}
	if _, err := ParseMode("of"); !contains(err, `"of"`, "on, strict, off") {
		t.Errorf("got %v, want an error that says what there is", err)
	}
}
