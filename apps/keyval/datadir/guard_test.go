package datadir_test

import (
	"testing"

	"github.com/forkbikash/keyval/apps/keyval/datadir"
)

func TestGuardIsKeptUntilItIsSet(t *testing.T) {
	path := t.TempDir()
	d := mustOpen(t, path, datadir.Options{NodeID: "node0", LogStore: "bolt", Guard: "strict"})
	mustDo(t, d.Close())
	d = mustOpen(t, path, datadir.Options{Guard: "off"})
	if got := d.Marker().Guard; got != "strict" {
		t.Errorf("got guard %s in a directory made with strict", got)
	}
	if err := d.SetGuard("maybe"); err == nil {
		t.Error("got no error for a guard that there is not")
	}
	mustDo(t, d.SetGuard("off"))
	mustDo(t, d.Close())
	if got := mustOpen(t, path, node0).Marker().Guard; got != "off" {
		t.Errorf("got guard %s after it was set to off", got)
	}
}
