package process_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/forkbikash/keyval/apps/keyval/app"
	"github.com/forkbikash/keyval/storage"
)

// flipBit changes one bit of text wherever it stands in a file below dir.
func flipBit(t *testing.T, dir, text string) {
	t.Helper()
	found := 0
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		found += bytes.Count(b, []byte(text))
		flipped := string(text[0]^1) + text[1:]
		return os.WriteFile(path, bytes.ReplaceAll(b, []byte(text), []byte(flipped)), 0o600)
	})
	if err != nil || found == 0 {
		t.Fatalf("found %q %d times below %s, error %v", text, found, dir, err)
	}
}

// stoppedAfter is a node that has written these values, under the keys "0", "1"
// and so on, and was stopped orderly. It returns the log index of each.
func stoppedAfter(t *testing.T, store string, values ...string) (*node, []uint64) {
	t.Helper()
	n := newCluster(t, store, fast...).found()
	indexes := make([]uint64, len(values))
	for i, v := range values {
		n.put(fmt.Sprint(i), v)
		indexes[i] = n.mustStatus().CommitIndex
	}
	if code := n.term(); code != 0 {
		t.Fatalf("it ended with %d", code)
	}
	return n, indexes
}

func (n *node) runToItsEnd(extra ...string) result {
	n.c.t.Helper()
	return run(n.c.t, append([]string{errorsOnly}, n.args(extra...)...)...)
}

func TestFlippedBitRefusesToStart(t *testing.T) {
	eachStore(t, func(t *testing.T, store string) {
		n, indexes := stoppedAfter(t, store, "before", "an-unmistakable-value", "after")
		flipBit(t, filepath.Join(n.dir, "log"), "an-unmistakable-value")
		says := fmt.Sprintf("log entry %d in", indexes[1])
		if store == "pebble" {
			// It takes what follows the damage for a torn end.
			says = fmt.Sprintf("log entries %d to %d had been acknowledged", indexes[1], indexes[2])
		}
		for range 2 { // the first must not mend it
			n.runToItsEnd().expect(t, 1, says, "join again")
		}
	})
}

func TestVanishedEndRefusesToStart(t *testing.T) {
	eachStore(t, func(t *testing.T, store string) {
		n, indexes := stoppedAfter(t, store, "before", "last")
		s, err := app.Builtin().LogStores[store](filepath.Join(n.dir, "log"), storage.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(s.DeleteRange(indexes[1], indexes[1]), s.Close()); err != nil {
			t.Fatal(err)
		}
		for _, guard := range []string{"on", "strict", "off"} {
			n.runToItsEnd("-log-guard="+guard).expect(t, 1, fmt.Sprintf("log entry %d had been acknowledged", indexes[1]), "join again")
		}
	})
}

func TestGuardIsTakenOffAndPutOn(t *testing.T) {
	eachStore(t, func(t *testing.T, store string) {
		c := newCluster(t, store, fast...)
		n := c.found()
		for i, step := range []struct{ flag, marker string }{
			{"", "on"}, {"-log-guard=off", "off"}, {"", "off"}, {"-log-guard=strict", "strict"}, {"-log-guard=off", "off"}, {"-log-guard=on", "on"},
		} {
			if i > 0 {
				kill9(n)
				var flags []string
				if step.flag != "" {
					flags = []string{step.flag}
				}
				n.start(flags...)
			}
			if want := fmt.Sprintf(`"guard": %q`, step.marker); !strings.Contains(marker(t, n.dir), want) {
				t.Errorf("started with %q: got marker %s, want %s in it", step.flag, marker(t, n.dir), want)
			}
			n.awaitReady()
			n.put(fmt.Sprint(i), step.marker)
			for k := range i {
				if err := n.has(fmt.Sprint(k), map[int]string{0: "on", 1: "off", 2: "off", 3: "strict", 4: "off"}[k]); err != nil {
					t.Errorf("started with %q: %v", step.flag, err)
				}
			}
		}
	})
}
