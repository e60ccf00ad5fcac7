package storagetest

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/forkbikash/keyval/storage"
)

// CrashPromise is something that a store promises beyond [storage.Store], and
// that Crash then holds it to.
type CrashPromise uint

const (
	// AtomicVote says that LastVoteTerm and LastVoteCand, set one after the other
	// as Raft does, are after a crash the old pair or the new one. The contract
	// of a Store allows the new term beside the old candidate.
	AtomicVote CrashPromise = 1 << iota

	// FailStop says that after a write returned an error no write is accepted.
	FailStop
)

// The environment of Crash.
const (
	// CrashCutsEnv is how many cuts each call of Crash makes, 100 if it is not set.
	// The number of torn writes, disk errors and full disks follows it.
	CrashCutsEnv = "KEYVAL_CRASH_CUTS"

	// CrashSeedEnv is the seed that a failure names. It repeats the operations and
	// what chance decides; when a store syncs in the background is its own.
	CrashSeedEnv = "KEYVAL_CRASH_SEED"
)

// Crash takes the power away from a store, tears its writes, fails its disk and
// fills it, and looks what is left.
//
// The store runs in a child process, which is this test binary started again
// with -test.run for this one test, on a FUSE file system that keeps what was
// not synced in memory and knows what a loss of power would leave at any moment.
// The store needs to know nothing of it. The child comes to this same call of
// Crash and goes no further; what the test does before it happens in both
// processes. So each call needs a test or subtest of its own:
//
//	func TestCrash(t *testing.T) {
//		t.Run("mine", func(t *testing.T) { storagetest.Crash(t, mystore.Open) })
//	}
//
// In the child a sequence of appends, truncations of either end, votes and
// reopenings tells of each operation when it begins and when it is acknowledged.
// The subtests are:
//
//   - cuts: at every sync, after every acknowledgement and at random writes in
//     between. At each nothing survives that was not synced, and at some all of
//     it, or by chance any sectors of it.
//   - torn writes: of what was not synced the last write is cut at any byte.
//   - disk errors: the n-th write or sync fails once. What a failed sync should
//     have written is lost, though it can still be read and the next sync succeeds.
//   - full disk: no more than n bytes fit.
//
// After each the store is opened again and must have all that was acknowledged:
// each entry's index, term, type, data and extensions, CurrentTerm and the vote.
// What was in flight may have happened, or not, or, where it was an append or a
// deletion, in part, so long as the log has no hole. Then it must take writes,
// and have them after reopening, and also if the power goes once more. A store
// answers an I/O error with an error or by ending the process; it may also bear
// it, if nothing is lost.
//
// Crash needs Linux, /dev/fuse, and root or fusermount. Where one is missing it
// says so and skips.
func Crash(t *testing.T, open storage.Opener, promises ...CrashPromise) {
	t.Helper()
	k := startCrash(t, open, promises...)
	for _, part := range []struct {
		name string
		run  func() []error
	}{
		{"cuts", k.cuts},
		{"torn writes", k.tornWrites},
		{"disk errors", k.diskErrors},
		{"full disk", k.fullDisk},
	} {
		k.run(t, part.name, part.run)
	}
}

// crashKit is what one call of Crash works with. Its parts return what they
// find, so that they can be tried on stores that are wrong.
type crashKit struct {
	t        *testing.T
	name     string // of the test, for the child
	promises CrashPromise
	cutCount int
	seed     uint64
	made     int // checks
}

// startCrash does not return in the child.
func startCrash(t *testing.T, open storage.Opener, promises ...CrashPromise) *crashKit {
	t.Helper()
	if child := os.Getenv(crashChildEnv); child == t.Name() {
		crashChild(open)
	} else if child != "" {
		t.Skip("another test's crashes are being made")
	}
	if why := crashImpossible(t); why != nil {
		t.Skipf("a crash cannot be made here: %v", why)
	}
	k := &crashKit{
		t: t, name: t.Name(),
		cutCount: int(crashNumber(t, CrashCutsEnv, 100)),
		seed:     crashNumber(t, CrashSeedEnv, uint64(time.Now().UnixNano())>>10&0xffffffff),
	}
	for _, p := range promises {
		k.promises |= p
	}
	t.Logf("%s=%d %s=%d on %s", CrashCutsEnv, k.cutCount, CrashSeedEnv, k.seed, runtime.GOOS)
	return k
}

func crashNumber(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || n == 0 {
		t.Fatalf("%s: got %q, want a positive number", name, text)
	}
	return n
}

// shownFailures is how many of one part are printed. The rest looks alike.
const shownFailures = 5

func (k *crashKit) run(t *testing.T, name string, part func() []error) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Helper()
		if t.Name() != k.name+"/"+strings.ReplaceAll(name, " ", "_") {
			t.Fatal("Crash was called before in this test: each call needs a test or subtest of its own")
		}
		outer := k.t
		k.t, k.made = t, 0
		defer func() { k.t = outer }()
		failures := part()
		for i, err := range failures {
			if i == shownFailures {
				break
			}
			t.Error(err)
		}
		t.Logf("%d of %d failed", len(failures), k.made)
	})
}
