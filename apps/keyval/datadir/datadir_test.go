package datadir_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/forkbikash/keyval/apps/keyval/datadir"
)

func TestChangesSurviveReopening(t *testing.T) {
	d := mustOpen(t, t.TempDir(), node0)
	want := d.Marker()
	mustDo(t, d.SetCluster("c1"))
	mustDo(t, d.SetMember(true))
	want.ClusterID, want.Member = "c1", true
	if got := d.Marker(); got != want {
		t.Errorf("got marker %+v, want %+v", got, want)
	}
	d = reopen(t, d, node0)
	if got := d.Marker(); got != want {
		t.Errorf("after reopening got marker %+v, want %+v", got, want)
	}
}

func TestCluster(t *testing.T) {
	d := mustOpen(t, t.TempDir(), node0)
	if err := d.SetMember(true); err == nil {
		t.Error("the node became a member of no cluster")
	}
	mustDo(t, d.SetCluster("refused-us"))
	mustDo(t, d.SetCluster("c1"))
	mustDo(t, d.SetMember(true))
	mustDo(t, d.SetCluster("c1"))
	wantRefusal(t, d.SetCluster("c2"), d.Path(), "belongs to cluster c1", "empty directory")
	mustDo(t, d.SetMember(false))
	mustDo(t, d.SetCluster("c2"))
	if m := d.Marker(); m.ClusterID != "c2" || m.Member {
		t.Errorf("got marker %+v", m)
	}
}

func TestRenew(t *testing.T) {
	d := mustOpen(t, t.TempDir(), node0)
	mustDo(t, d.SetCluster("c1"))
	mustDo(t, d.SetMember(true))
	before := d.Marker()

	wantRefusal(t, d.Renew("node1"), "belongs to node node0")
	mustDo(t, d.Renew(""))
	m := d.Marker()
	if m.Incarnation == 0 || m.Incarnation == before.Incarnation {
		t.Errorf("the incarnation went from %x to %x", before.Incarnation, m.Incarnation)
	}
	if m.Member || m.NodeID != "node0" || m.ClusterID != "c1" {
		t.Errorf("got marker %+v", m)
	}
	mustDo(t, d.Renew("node1"))
	if got := d.Marker(); got.NodeID != "node1" || got.Incarnation == m.Incarnation {
		t.Errorf("got marker %+v after %+v", got, m)
	}
}

func TestClosed(t *testing.T) {
	d := mustOpen(t, t.TempDir(), node0)
	mustDo(t, d.Close())
	mustDo(t, d.Close())
	for name, change := range map[string]func() error{
		"SetCluster": func() error { return d.SetCluster("c1") },
		"SetMember":  func() error { return d.SetMember(true) },
		"Renew":      func() error { return d.Renew("") },
	} {
		if err := change(); !errors.Is(err, datadir.ErrClosed) {
			t.Errorf("%s after Close: got %v, want ErrClosed", name, err)
		}
	}
}

func TestFailedChangeChangesNothing(t *testing.T) {
	d := mustOpen(t, t.TempDir(), node0)
	want := d.Marker()
	// A directory in the way of the temporary file.
	mustDo(t, os.MkdirAll(filepath.Join(d.Path(), "keyval.json.tmp", "x"), 0o700))
	wantRefusal(t, d.SetCluster("c1"), "cannot write to", d.Path())
	if got := d.Marker(); got != want {
		t.Errorf("got marker %+v, want %+v", got, want)
	}
}

func TestConcurrentChanges(t *testing.T) {
	d := mustOpen(t, t.TempDir(), node0)
	var wg sync.WaitGroup
	for _, f := range []func() error{
		func() error { return d.SetCluster("c1") },
		func() error { return d.Renew("") },
		func() error { return d.SetMember(false) },
	} {
		wg.Go(func() {
			for range 3 {
				if err := f(); err != nil {
					t.Error(err)
				}
				_ = d.Marker()
			}
		})
	}
	wg.Wait()
	want := d.Marker()
	if got := reopen(t, d, node0).Marker(); got != want {
		t.Errorf("after reopening got marker %+v, want %+v", got, want)
	}
}

// The file is for operators too: its fields are a promise.
func TestMarkerFile(t *testing.T) {
	d := mustOpen(t, t.TempDir(), node0)
	b, err := os.ReadFile(filepath.Join(d.Path(), "keyval.json"))
	mustDo(t, err)
	for _, want := range []string{
		`"format": 1,`, `"cluster_id": "",`, `"node_id": "node0",`, `"log_store": "bolt",`,
		`"guard": "on",`, `"incarnation": "`, `"member": false`,
	} {
		if !strings.Contains(string(b), want) {
			t.Errorf("the marker does not say %s:\n%s", want, b)
		}
	}
}
