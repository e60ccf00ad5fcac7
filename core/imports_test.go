package core_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const keyval = "github.com/forkbikash/keyval/"

type listed struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
	Deps                               []string
}

// list returns what the go command knows of the module's packages.
func list(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports,Deps", "./...")
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("%s: %v\n%s", cmd, err, exit.Stderr)
		}
		t.Fatal(err)
	}
	var packages []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
	if len(packages) == 0 {
		t.Fatal("go list found no package")
	}
	return packages
}

func within(path, root string) bool {
	root = strings.TrimSuffix(root, "/")
	return path == root || strings.HasPrefix(path, root+"/")
}

// A node is given its log store and its transport. It must not be possible to
// find out which they are, not even by way of a dependency.
func TestImportsNoEngine(t *testing.T) {
	banned := []string{
		"github.com/boltdb/bolt",
		"github.com/cockroachdb/pebble",
		"github.com/hashicorp/raft-boltdb",
		"github.com/hashicorp/raft-wal",
		"go.etcd.io/bbolt",
		"google.golang.org/grpc",
	}
	for _, p := range list(t) {
		for _, dep := range p.Deps {
			if slices.ContainsFunc(banned, func(root string) bool { return within(dep, root) }) {
				t.Errorf("%s depends on %s", p.ImportPath, dep)
			}
		}
	}
}

// Of keyval's other modules, core knows the wire types alone, where HTTP is.
func TestImportsOfKeyval(t *testing.T) {
	const httpapi, api = keyval + "core/httpapi", keyval + "client/api"
	for _, p := range list(t) {
		for _, path := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			ours := within(path, keyval) && !within(path, keyval+"core")
			if ours && !(path == api && within(p.ImportPath, httpapi)) {
				t.Errorf("%s imports %s", p.ImportPath, path)
			}
		}
	}
}
