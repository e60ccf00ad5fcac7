package datadir_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/forkbikash/keyval/apps/keyval/datadir"
)

func TestDiscardOfANewDirectory(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{root, filepath.Join(root, "not", "there")} {
		d, err := datadir.Open(dir, node0)
		mustDo(t, err)
		write(t, d.LogDir(), "raft.db") // what a store left that could not be opened
		write(t, d.SnapshotBase(), "snapshots", "permTest")
		write(t, d.ShadowDir(), "CURRENT")
		mustDo(t, d.Discard())
		mustDo(t, d.Close())
		if got := listing(t, root); got != "" {
			t.Errorf("discarding %s left %q", dir, got)
		}
	}
}

func TestDiscardOfWhatWasThereBefore(t *testing.T) {
	d := mustOpen(t, t.TempDir(), node0)
	want := d.Marker()
	write(t, d.LogDir(), "raft.db")
	d = reopen(t, d, node0)
	mustDo(t, d.Discard())
	if got, want := listing(t, d.Path()), "LOCK keyval.json log"; got != want {
		t.Errorf("the directory holds %q, want %q", got, want)
	}
	d = reopen(t, d, node0) // it was given back
	if got := d.Marker(); got != want {
		t.Errorf("got marker %+v, want %+v", got, want)
	}
}

func TestDiscardOfAStartCutShort(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "LOCK")
	d, err := datadir.Open(dir, node0)
	mustDo(t, err)
	mustDo(t, d.Discard())
	if got := listing(t, dir); got != "LOCK" {
		t.Errorf("the directory holds %q, want what was there", got)
	}
}

// A directory that others have put something into stays.
func TestDiscardLeavesOthersFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	d, err := datadir.Open(dir, node0)
	mustDo(t, err)
	mustDo(t, os.WriteFile(filepath.Join(dir, "note"), nil, 0o600))
	mustDo(t, d.Discard())
	if got := listing(t, dir); got != "note" {
		t.Errorf("the directory holds %q, want the file of someone else", got)
	}
}

// What was put over the directory after it was made is not its to take away.
func TestDiscardLeavesAnotherDirectoryAtThePath(t *testing.T) {
	other := mustOpen(t, filepath.Join(t.TempDir(), "other"), node0)
	write(t, other.LogDir(), "raft.db")
	mustDo(t, other.Close())

	dir := filepath.Join(t.TempDir(), "new")
	d, err := datadir.Open(dir, node0)
	mustDo(t, err)
	mustDo(t, os.Rename(dir, dir+"-moved"))
	mustDo(t, os.Rename(other.Path(), dir))
	mustDo(t, d.Discard())
	if got, want := listing(t, filepath.Join(dir, "log")), "raft.db"; got != want {
		t.Errorf("the log of another directory holds %q, want %q", got, want)
	}
	if got, want := listing(t, dir), "LOCK keyval.json log"; got != want {
		t.Errorf("the other directory holds %q, want %q", got, want)
	}
}

// A marker that is listed and not found is one that cannot be read: the
// directory is not new.
func TestMarkerThatLeadsNowhere(t *testing.T) {
	d := mustOpen(t, t.TempDir(), node0)
	write(t, d.LogDir(), "raft.db")
	mustDo(t, d.Close())
	marker := filepath.Join(d.Path(), "keyval.json")
	mustDo(t, os.Remove(marker))
	if err := os.Symlink(filepath.Join(t.TempDir(), "unmounted", "keyval.json"), marker); err != nil {
		t.Skip(err) // Windows lets few make one
	}
	before := listing(t, d.Path())
	_, err := datadir.Open(d.Path(), datadir.Options{NodeID: "node1", LogStore: "wal"})
	wantRefusal(t, err, marker, "restore it")
	if after := listing(t, d.Path()); after != before {
		t.Errorf("the directory holds %q, and held %q", after, before)
	}
	if got := listing(t, d.LogDir()); got != "raft.db" {
		t.Errorf("the log holds %q", got)
	}
}
