package process_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
)

// binary is the program under test. TestMain sets it.
var binary string

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := buildAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func buildAndRun(m *testing.M) (int, error) {
	if binary = os.Getenv("KEYVAL_TEST_BINARY"); binary != "" {
		var err error
		if binary, err = filepath.Abs(binary); err != nil {
			return 0, err
		}
		return runAtOnce(m)
	}
	dir, err := os.MkdirTemp("", "keyval-binary-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)                      //nolint:errcheck // it is the system's temporary directory
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // another user runs it too: see unprivileged
		return 0, err
	}
	binary = filepath.Join(dir, "keyval")
	if runtime.GOOS == "windows" {
		binary += ".exe"
	}
	args := []string{"build", "-o", binary}
	if raceDetector {
		args = append(args, "-race")
	}
	out, err := exec.Command("go", append(args, "github.com/forkbikash/keyval/apps/keyval")...).CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("build the binary: %w\n%s", err, out)
	}
	return runAtOnce(m)
}

// leastAtOnce is how many clusters run at once even on a small machine: they
// spend most of their time waiting for elections.
const leastAtOnce = 4

func runAtOnce(m *testing.M) (int, error) {
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		if err := flag.Set("test.parallel", strconv.Itoa(max(leastAtOnce, runtime.GOMAXPROCS(0)))); err != nil {
			return 0, err
		}
	}
	return m.Run(), nil
}

// durableStores are the log stores that outlive a kill -9.
func durableStores() []string {
	if testing.Short() {
		return []string{"bolt"}
	}
	return []string{"bolt", "wal", "pebble"}
}

// eachStore runs test over every durable log store, several at once.
func eachStore(t *testing.T, test func(t *testing.T, store string)) {
	t.Helper()
	t.Parallel()
	for _, store := range durableStores() {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			test(t, store)
		})
	}
}
