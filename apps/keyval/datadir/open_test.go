package datadir_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/forkbikash/keyval/apps/keyval/datadir"
)

var node0 = datadir.Options{DefaultNodeID: "node0", DefaultLogStore: "bolt"}

func mustOpen(t *testing.T, dir string, o datadir.Options) *datadir.Dir {
	t.Helper()
	d, err := datadir.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// reopen closes d and opens its directory for o.
func reopen(t *testing.T, d *datadir.Dir, o datadir.Options) *datadir.Dir {
	t.Helper()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	return mustOpen(t, d.Path(), o)
}

func mustDo(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, elem ...string) {
	t.Helper()
	name := filepath.Join(elem...)
	mustDo(t, os.MkdirAll(filepath.Dir(name), 0o700))
	mustDo(t, os.WriteFile(name, []byte("data"), 0o600))
}

// wantRefusal checks that err is one line that says each of want.
func wantRefusal(t *testing.T, err error, want ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("got no error, want one that says %q", want)
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("the error has several lines: %q", err)
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("got error %q, want it to say %q", err, w)
		}
	}
}

func listing(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	mustDo(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

func TestNewDirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "not", "there", "yet")
	d := mustOpen(t, path, node0)

	m := d.Marker()
	if m.Incarnation == 0 {
		t.Error("the incarnation is 0")
	}
	if want := (datadir.Marker{NodeID: "node0", LogStore: "bolt", Guard: "on", Incarnation: m.Incarnation}); m != want {
		t.Errorf("got marker %+v, want %+v", m, want)
	}
	if got, want := listing(t, path), "LOCK keyval.json log"; got != want {
		t.Errorf("the directory holds %q, want %q", got, want)
	}
	if d.SnapshotBase() != path || d.LogDir() != filepath.Join(path, "log") {
		t.Errorf("got snapshot base %s and log directory %s in %s", d.SnapshotBase(), d.LogDir(), path)
	}
}

func TestAskedForWinsOverDefault(t *testing.T) {
	d := mustOpen(t, t.TempDir(), datadir.Options{
		NodeID: "asked", DefaultNodeID: "node0", LogStore: "wal", DefaultLogStore: "bolt", Guard: "off",
	})
	if m := d.Marker(); m.NodeID != "asked" || m.LogStore != "wal" || m.Guard != "off" {
		t.Errorf("got marker %+v", m)
	}
}

func TestMarkerWinsOverDefault(t *testing.T) {
	d := mustOpen(t, t.TempDir(), datadir.Options{NodeID: "node7", LogStore: "wal"})
	want := d.Marker()
	write(t, d.LogDir(), "segment")
	d = reopen(t, d, node0)
	if got := d.Marker(); got != want {
		t.Errorf("got marker %+v, want %+v", got, want)
	}
}

func TestForeignDirectories(t *testing.T) {
	for _, c := range []struct {
		name  string
		files []string
		want  []string // nil when it is accepted
	}{
		{"empty", nil, nil},
		{"root of a file system", []string{"lost+found/x"}, nil},
		{"a start cut short after the lock", []string{"LOCK"}, nil},
		{"a start cut short within the marker", []string{"LOCK", "keyval.json.tmp"}, nil},
		{"the original's", []string{"raft.db", "snapshots/1-2-3/state.bin"}, []string{"original keyval", "another directory", "GET and POST"}},
		{"someone's home", []string{"photos/cat.png"}, []string{"not keyval's", "photos", "empty or a new directory"}},
		{"a log without a marker", []string{"LOCK", "log/raft.db"}, []string{"not keyval's", "log"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for _, f := range c.files {
				write(t, dir, f)
			}
			before := listing(t, dir)
			if c.want == nil {
				mustOpen(t, dir, node0)
				return
			}
			_, err := datadir.Open(dir, node0)
			wantRefusal(t, err, append(c.want, dir)...)
			if after := listing(t, dir); after != before {
				t.Errorf("a refused directory changed from %q to %q", before, after)
			}
		})
	}
}

func TestPathThatIsNoDirectory(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "file")
	_, err := datadir.Open(filepath.Join(dir, "file"), node0)
	wantRefusal(t, err, "file is a file: name a directory")
	_, err = datadir.Open(filepath.Join(dir, "file", "below"), node0)
	wantRefusal(t, err, "cannot create", "below")
}

func TestAnotherLogStore(t *testing.T) {
	asWAL := datadir.Options{LogStore: "wal", HasState: func(datadir.Marker, string, string) (bool, error) { return false, nil }}

	t.Run("nothing there yet", func(t *testing.T) {
		d := mustOpen(t, t.TempDir(), node0)
		d = reopen(t, d, datadir.Options{LogStore: "wal"})
		if got := d.Marker().LogStore; got != "wal" {
			t.Errorf("got log store %s, want wal", got)
		}
	})
	t.Run("a store without state", func(t *testing.T) {
		d := mustOpen(t, t.TempDir(), node0)
		write(t, d.LogDir(), "raft.db")
		d = reopen(t, d, asWAL)
		if got := listing(t, d.LogDir()); got != "" {
			t.Errorf("the new store finds %q of the old one's", got)
		}
	})
	t.Run("a store with state", func(t *testing.T) {
		d := mustOpen(t, t.TempDir(), node0)
		write(t, d.LogDir(), "raft.db")
		mustDo(t, d.Close())
		_, err := datadir.Open(d.Path(), datadir.Options{LogStore: "wal"})
		wantRefusal(t, err, d.Path(), "was made with -log-store=bolt", "start without -log-store", "keyval log migrate -to wal "+d.Path())
		if got := listing(t, d.LogDir()); got != "raft.db" {
			t.Errorf("after the refusal the log directory holds %q", got)
		}
	})
	t.Run("a member without its log", func(t *testing.T) {
		d := mustOpen(t, t.TempDir(), node0)
		mustDo(t, d.SetCluster("c1"))
		mustDo(t, d.SetMember(true))
		mustDo(t, d.Close())
		_, err := datadir.Open(d.Path(), asWAL)
		wantRefusal(t, err, "was made with -log-store=bolt")
	})
	t.Run("state that cannot be told", func(t *testing.T) {
		d := mustOpen(t, t.TempDir(), node0)
		write(t, d.LogDir(), "raft.db")
		mustDo(t, d.Close())
		broken := errors.New("checksum mismatch")
		_, err := datadir.Open(d.Path(), datadir.Options{LogStore: "wal", HasState: func(m datadir.Marker, logDir, base string) (bool, error) {
			if m.LogStore != "bolt" || logDir != d.LogDir() || base != d.SnapshotBase() {
				t.Errorf("asked for the state of %s in %s and %s", m.LogStore, logDir, base)
			}
			return false, broken
		}})
		if !errors.Is(err, broken) {
			t.Errorf("got error %v, want %v", err, broken)
		}
	})
}

func TestAnotherNodeID(t *testing.T) {
	asNode1 := datadir.Options{NodeID: "node1"}

	t.Run("nothing there yet", func(t *testing.T) {
		d := mustOpen(t, t.TempDir(), node0)
		old := d.Marker().Incarnation
		d = reopen(t, d, asNode1)
		if m := d.Marker(); m.NodeID != "node1" || m.Incarnation == old {
			t.Errorf("got marker %+v, want node1 and another incarnation than %x", m, old)
		}
	})
	t.Run("a node with state", func(t *testing.T) {
		d := mustOpen(t, t.TempDir(), node0)
		write(t, d.SnapshotBase(), "snapshots", "1-2-3", "state.bin")
		mustDo(t, d.Close())
		_, err := datadir.Open(d.Path(), asNode1)
		wantRefusal(t, err, d.Path(), "belongs to node node0", "-id=node0", "empty directory for node1")
	})
	t.Run("a member", func(t *testing.T) {
		d := mustOpen(t, t.TempDir(), node0)
		mustDo(t, d.SetCluster("c1"))
		mustDo(t, d.SetMember(true))
		mustDo(t, d.Close())
		_, err := datadir.Open(d.Path(), asNode1)
		wantRefusal(t, err, "belongs to node node0")
	})
	t.Run("the same", func(t *testing.T) {
		d := mustOpen(t, t.TempDir(), node0)
		write(t, d.LogDir(), "raft.db")
		reopen(t, d, datadir.Options{NodeID: "node0", LogStore: "bolt"})
	})
}

func TestBadMarkerIsLeftAlone(t *testing.T) {
	for _, c := range []struct{ name, content, want string }{
		{"damaged", `{"format":1,"node_id":"no`, "restore it"},
		{"empty", "", "restore it"},
		{"of a newer format", `{"format":3,"planet":"mars"}`, "written by a newer keyval: upgrade"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "keyval.json")
			mustDo(t, os.WriteFile(file, []byte(c.content), 0o600))
			_, err := datadir.Open(dir, node0)
			wantRefusal(t, err, file, c.want)
			if got, err := os.ReadFile(file); err != nil || string(got) != c.content {
				t.Errorf("the marker became %q, %v", got, err)
			}
		})
	}
}

// A crash between writing the new marker and renaming it leaves both.
func TestLeftoverOfACrash(t *testing.T) {
	d := mustOpen(t, t.TempDir(), node0)
	want := d.Marker()
	mustDo(t, d.Close())
	write(t, d.Path(), "keyval.json.tmp")
	d = reopen(t, d, node0)
	if got := d.Marker(); got != want {
		t.Errorf("got marker %+v, want %+v", got, want)
	}
	if got, want := listing(t, d.Path()), "LOCK keyval.json log"; got != want {
		t.Errorf("the directory holds %q, want %q", got, want)
	}
}
