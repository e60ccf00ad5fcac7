package app

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/forkbikash/keyval/storage"
)

// A store that fails for whatever reason must not be what a new directory
// remembers: the next start may name another.
func TestFailedLogStoreLeavesNothing(t *testing.T) {
	broken := errors.New("the disk is on fire")
	plugs := Builtin()
	plugs.LogStores["mine"] = func(dir string, _ storage.Options) (storage.Store, error) {
		return nil, errors.Join(broken, os.WriteFile(filepath.Join(dir, "half"), nil, 0o600))
	}
	cfg := defaults()
	cfg.HTTPAddr, cfg.RaftAddr, cfg.RaftAdvertise = "localhost:0", "localhost:0", "localhost:1"
	cfg.LogStore = Plug{Name: "mine", Arg: "x"}
	parent := t.TempDir()
	cfg.Dir = filepath.Join(parent, "new", "data")

	err := serve(context.Background(), cfg, plugs, io.Discard, io.Discard)
	if !errors.Is(err, broken) || errors.As(err, new(usageError)) {
		t.Errorf("got %v, want the store's error", err)
	}
	left, err := os.ReadDir(parent)
	if err != nil || len(left) > 0 {
		t.Errorf("it left %v, %v", left, err)
	}
}
