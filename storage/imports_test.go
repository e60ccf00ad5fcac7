package storage_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const keyval = "github.com/forkbikash/keyval/"

// dependencies returns what each of the listed packages is built from.
func dependencies(t *testing.T, args ...string) map[string][]string {
	t.Helper()
	args = append([]string{"list", "-f", `{{.ImportPath}} {{join .Deps " "}}`}, args...)
	out, err := exec.Command("go", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	found := make(map[string][]string)
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		found[fields[0]] = fields[1:]
	}
	return found
}

func within(path, root string) bool {
	return path == root || strings.HasPrefix(path, root+"/")
}

// A log store works in any program that is built on hashicorp/raft.
func TestImportsOfKeyval(t *testing.T) {
	for p, deps := range dependencies(t, "-test", "./...") {
		for _, dep := range deps {
			if strings.HasPrefix(dep, keyval) && !strings.HasPrefix(dep, keyval+"storage") {
				t.Errorf("%s depends on %s", p, dep)
			}
		}
	}
}

// Whoever takes one log store does not get another's engine with it.
func TestImportsOneEngine(t *testing.T) {
	engines := map[string][]string{
		"github.com/cockroachdb/pebble":    {"pebblestore"},
		"github.com/hashicorp/raft-boltdb": {"boltstore"},
		"github.com/hashicorp/raft-wal":    {"walstore"},
		"go.etcd.io/bbolt":                 {"boltstore", "walstore"}, // raft-wal keeps its metadata in it
	}
	for p, deps := range dependencies(t, "./...") {
		for _, dep := range deps {
			for engine, stores := range engines {
				if !within(dep, engine) {
					continue
				}
				if !slices.ContainsFunc(stores, func(store string) bool { return within(p, keyval+"storage/"+store) }) {
					t.Errorf("%s depends on %s", p, dep)
				}
			}
		}
	}
}
