package storagetest

import (
	"testing"

	"github.com/forkbikash/keyval/storage"
)

// Run holds a durable store to every rule, each in a subtest of the rule's name
// with an empty directory of its own. Subtests run in parallel: most of the time
// goes to waiting for the disk.
func Run(t *testing.T, open storage.Opener) {
	t.Helper()
	runAll(t, open, false)
}

// RunVolatile is Run for a store that forgets everything when it is closed, such
// as one in memory. It skips the rules that are about what lasts. It is a
// function of its own so that no store that loses data passes for volatile.
func RunVolatile(t *testing.T, open storage.Opener) {
	t.Helper()
	runAll(t, open, true)
}

func runAll(t *testing.T, open storage.Opener, volatile bool) {
	t.Helper()
	for _, r := range Rules() {
		if r.Durable && volatile {
			continue
		}
		t.Run(r.Name, func(t *testing.T) {
			t.Parallel()
			if err := r.Check(open, t.TempDir(), volatile); err != nil {
				t.Errorf("%s (%s relies on it): %v", r.Says, r.Relies, err)
			}
		})
	}
}
