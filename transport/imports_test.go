package transport_test

import (
	"os/exec"
	"strings"
	"testing"
)

// A transport works in any program that is built on hashicorp/raft.
func TestImportsOfKeyval(t *testing.T) {
	const keyval = "github.com/forkbikash/keyval/"
	out, err := exec.Command("go", "list", "-test", "-deps", "./...").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	for dep := range strings.Lines(string(out)) {
		if strings.HasPrefix(dep, keyval) && !strings.HasPrefix(dep, keyval+"transport") {
			t.Errorf("the module depends on %s", dep)
		}
	}
}
