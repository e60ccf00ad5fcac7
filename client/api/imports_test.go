package api_test

import (
	"os/exec"
	"strings"
	"testing"
)

// The client costs its user no dependency.
func TestImportsStandardLibraryAlone(t *testing.T) {
	out, err := exec.Command("go", "list", "-test", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", "../...").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	for path := range strings.Lines(string(out)) {
		if !strings.HasPrefix(path, "github.com/forkbikash/keyval/client") {
			t.Errorf("the module depends on %s", path)
		}
	}
}
