package datadir_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/forkbikash/keyval/apps/keyval/datadir"
)

func mustOpenExisting(t *testing.T, dir string) *datadir.Dir {
	t.Helper()
	d, err := datadir.OpenExisting(dir)
	mustDo(t, err)
	t.Cleanup(func() { mustDo(t, d.Close()) })
	return d
}

// withLog is a directory of node0's on bolt, with a log in it.
func withLog(t *testing.T) *datadir.Dir {
	t.Helper()
	d := mustOpen(t, t.TempDir(), node0)
	write(t, d.LogDir(), "raft.db")
	mustDo(t, d.Close())
	return mustOpenExisting(t, d.Path())
}

func mustBegin(t *testing.T, d *datadir.Dir, store, arg string) datadir.Migration {
	t.Helper()
	m, err := d.BeginMigration(store, arg)
	mustDo(t, err)
	return m
}

// wantOldLogs checks the logs that the marker does not name.
func wantOldLogs(t *testing.T, d *datadir.Dir, want ...string) {
	t.Helper()
	old, err := d.OldLogs()
	mustDo(t, err)
	for i, dir := range old {
		old[i] = filepath.Base(dir)
	}
	if strings.Join(old, " ") != strings.Join(want, " ") {
		t.Errorf("got old logs %v, want %v", old, want)
	}
}

func TestMigration(t *testing.T) {
	d := withLog(t)
	before := d.Marker()
	m := mustBegin(t, d, "wal", "segment=1MiB")
	copied := d.MigrationDir(m)
	write(t, copied, "sub", "segment")
	if store, there, err := d.Unfinished(); store != "wal" || !there || err != nil {
		t.Errorf("got an unfinished copy for %q: %v, %v", store, there, err)
	}
	if d.Marker() != before || d.LogDir() == copied {
		t.Errorf("the marker changed to %+v before the switch", d.Marker())
	}
	mustDo(t, d.Switch(m))
	mustDo(t, d.Close())

	d = mustOpen(t, d.Path(), datadir.Options{LogStore: "wal"})
	want := before
	want.LogStore, want.LogDir = "wal", "log.2"
	if got := d.Marker(); got != want {
		t.Errorf("got marker %+v, want %+v", got, want)
	}
	if d.LogDir() != copied {
		t.Errorf("the log is in %s, want %s", d.LogDir(), copied)
	}
	if got, want := listing(t, d.Path()), "LOCK keyval.json log log.2"; got != want {
		t.Errorf("the directory holds %q, want %q", got, want)
	}
	wantOldLogs(t, d, "log")
	mustDo(t, d.Prune())
	if got, want := listing(t, d.Path()), "LOCK keyval.json log.2"; got != want {
		t.Errorf("after pruning the directory holds %q, want %q", got, want)
	}
}

func TestMigrationIsTakenUp(t *testing.T) {
	d := withLog(t)
	first := mustBegin(t, d, "wal", "")
	write(t, d.MigrationDir(first), "half")
	mustDo(t, d.Close())
	if first.Resumed {
		t.Error("a new migration says that it is resumed")
	}

	d = mustOpenExisting(t, d.Path())
	again := mustBegin(t, d, "wal", "")
	if !again.Resumed || d.MigrationDir(again) != d.MigrationDir(first) || listing(t, d.MigrationDir(again)) != "half" {
		t.Errorf("got %+v in %s, want the one that was begun", again, d.MigrationDir(again))
	}
}

// A copy for another store, of another log or of another node is begun anew,
// with nothing left of the old one.
func TestMigrationOfSomethingElse(t *testing.T) {
	begin := func(t *testing.T) *datadir.Dir {
		d := withLog(t)
		write(t, d.MigrationDir(mustBegin(t, d, "wal", "")), "half")
		return d
	}
	for _, c := range []struct {
		name, store, arg string
		change           func(*datadir.Dir) error
	}{
		{name: "another store", store: "pebble"},
		{name: "other settings", store: "wal", arg: "segment=1MiB"},
		{name: "another node", store: "wal", change: func(d *datadir.Dir) error { return d.Renew("") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := begin(t)
			if c.change != nil {
				mustDo(t, c.change(d))
			}
			m := mustBegin(t, d, c.store, c.arg)
			if m.Resumed || listing(t, d.MigrationDir(m)) != "" {
				t.Errorf("got %+v with %q in it, want a new one", m, listing(t, d.MigrationDir(m)))
			}
			wantOldLogs(t, d, filepath.Base(d.MigrationDir(m)))
		})
	}
	t.Run("after the switch", func(t *testing.T) {
		d := begin(t)
		m := mustBegin(t, d, "wal", "")
		mustDo(t, d.Switch(m))
		next := mustBegin(t, d, "bolt", "")
		if next.Resumed || d.MigrationDir(next) != filepath.Join(d.Path(), "log.3") {
			t.Errorf("got %+v in %s, want a new one in log.3", next, d.MigrationDir(next))
		}
		if got := listing(t, d.LogDir()); got != "half" {
			t.Errorf("the log holds %q now", got)
		}
	})
}

// A process that was killed between the switch and its last step leaves its note
// behind.
func TestMigrationKilledAfterTheSwitch(t *testing.T) {
	d := withLog(t)
	m := mustBegin(t, d, "wal", "")
	write(t, d.MigrationDir(m), "segment")
	note, err := os.ReadFile(filepath.Join(d.Path(), "migration.json"))
	mustDo(t, err)
	mustDo(t, d.Switch(m))
	mustDo(t, os.WriteFile(filepath.Join(d.Path(), "migration.json"), note, 0o600))

	if store, there, err := d.Unfinished(); there || err != nil {
		t.Errorf("got an unfinished copy for %q, %v", store, err)
	}
	next := mustBegin(t, d, "pebble", "")
	if next.Resumed || listing(t, d.LogDir()) != "segment" {
		t.Errorf("got %+v and %q in the log", next, listing(t, d.LogDir()))
	}
	mustDo(t, d.Prune())
	if got, want := listing(t, d.Path()), "LOCK keyval.json log.2"; got != want {
		t.Errorf("after pruning the directory holds %q, want %q", got, want)
	}
}

func TestMigrationNoteThatCannotBeRead(t *testing.T) {
	for _, note := range []string{"", "{", `{"format":7,"to":"log.2"}`, `{"format":1,"to":"log"}`, `{"format":1,"to":"../x"}`} {
		d := withLog(t)
		mustDo(t, os.WriteFile(filepath.Join(d.Path(), "migration.json"), []byte(note), 0o600))
		_, err := d.BeginMigration("wal", "")
		wantRefusal(t, err, "migration.json", "keyval log migrate -prune "+d.Path())
		mustDo(t, d.Prune())
		mustBegin(t, d, "wal", "")
	}
}

func TestOpenExistingMakesNothing(t *testing.T) {
	for name, open := range map[string]func(string) (*datadir.Dir, error){
		"alone": datadir.OpenExisting, "for reading": datadir.OpenForReading,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			_, err := open(filepath.Join(dir, "missing"))
			wantRefusal(t, err, "there is no directory", "missing")
			_, err = open(dir)
			wantRefusal(t, err, "not a node's data directory", "keyval.json")
			if got := listing(t, dir); got != "" {
				t.Errorf("it made %q", got)
			}
			d := mustOpen(t, dir, node0)
			_, err = open(dir)
			wantRefusal(t, err, "in use by another keyval")
			mustDo(t, d.Close())
			d, err = open(dir)
			mustDo(t, err)
			if got := d.Marker().NodeID; got != "node0" {
				t.Errorf("got node %s", got)
			}
			mustDo(t, d.Close())
		})
	}
}

func TestOpenForReadingIsShared(t *testing.T) {
	path := withLog(t)
	mustDo(t, path.Close())
	mustDo(t, os.Remove(filepath.Join(path.Path(), "LOCK"))) // as in a copy
	before := listing(t, path.Path())
	d, err := datadir.OpenForReading(path.Path())
	mustDo(t, err)
	if got := listing(t, path.Path()); got != before {
		t.Errorf("reading changed the directory from %q to %q", before, got)
	}
	mustDo(t, d.Close())

	mustDo(t, mustOpenExisting(t, path.Path()).Close())
	one, err := datadir.OpenForReading(path.Path())
	mustDo(t, err)
	two, err := datadir.OpenForReading(path.Path())
	mustDo(t, err)
	_, err = datadir.Open(path.Path(), node0)
	wantRefusal(t, err, "in use by another keyval")
	if err := one.SetCluster("c1"); !errors.Is(err, datadir.ErrReadOnly) {
		t.Errorf("a change: got %v, want ErrReadOnly", err)
	}
	if _, err := one.BeginMigration("wal", ""); !errors.Is(err, datadir.ErrReadOnly) {
		t.Errorf("a migration: got %v, want ErrReadOnly", err)
	}
	mustDo(t, errors.Join(one.Close(), two.Close()))
}
