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
