package storagetest

import (
	"strings"
	"testing"

	"github.com/hashicorp/raft"
)

// TestCrash is the control that the kit finds nothing wrong where nothing is.
func TestCrash(t *testing.T) {
	Crash(t, openDiary(honest), AtomicVote, FailStop)
}

// TestCrashDamage is the control for damage: a store that refuses whatever is
// not whole.
func TestCrashDamage(t *testing.T) {
	CrashDamage(t, openDiary(opensOnlyWhole))
}

// TestCrashCatches gives each part of the kit stores that are wrong.
func TestCrashCatches(t *testing.T) {
	for _, tc := range []struct {
		mistake crashMistake
		part    func(*crashKit) []error
		says    string
	}{
		{neverSyncs, (*crashKit).cuts, "is lost"},
		{neverSyncsItsName, (*crashKit).cuts, "is lost"},
		{syncsLate, (*crashKit).cuts, "is lost"},
		{deletesInPieces, (*crashKit).cuts, "not found"},
		{tearsVotes, (*crashKit).cuts, "vote: got term"},
		{keepsItsTail, (*crashKit).tornWrites, "reopened after the crash"},
		{opensOnlyWhole, (*crashKit).tornWrites, "does not open"},
		{recoversLoosely, (*crashKit).tornWrites, "second cut"},
		{ignoresErrors, (*crashKit).diskErrors, "is lost"},
		{triesAgain, (*crashKit).diskErrors, "is lost"},
		{goesOn, (*crashKit).diskErrors, "accepted afterwards"},
		{exitsClean, (*crashKit).fullDisk, "as if all was well"},
		// An honest diary takes damage for the end.
		{honest, (*crashKit).flippedBits, "is lost"},
	} {
		t.Run(string(tc.mistake), func(t *testing.T) {
			t.Parallel()
			k := startCrash(t, openDiary(tc.mistake), AtomicVote, FailStop)
			k.cutCount = 60
			k.seed = 1 // which every mistake shows with; a diary leaves nothing to chance
			failures := tc.part(k)
			for _, err := range failures {
				if strings.Contains(err.Error(), tc.says) {
					return
				}
			}
			t.Errorf("got %d failures of %d, none of which says %q", len(failures), k.made, tc.says)
			for i, err := range failures {
				if i < shownFailures {
					t.Log(err)
				}
			}
		})
	}
}

// The child must run nothing but the test whose store it opens.
func TestCrashChildRunsOneTest(t *testing.T) {
	for name, want := range map[string]string{
		"TestCrash":             "^TestCrash$",
		"TestA/sub.test/again_": `^TestA$/^sub\.test$/^again_$`,
	} {
		if got := crashPattern(name); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

func crashLog(entries ...*raft.Log) *crashState {
	s := &crashState{logs: make(map[uint64]*raft.Log)}
	for _, l := range entries {
		s.add(l)
	}
	return s
}

func crashEntry(index uint64, data string) *raft.Log {
	return &raft.Log{Index: index, Term: 1, Data: []byte(data)}
}

// What may be there when an operation was cut short.
func TestCrashLegal(t *testing.T) {
	one, two, three := crashEntry(1, "a"), crashEntry(2, "b"), crashEntry(3, "c")
	voted := func(term uint64, cand string) *crashState {
		s := crashLog()
		s.voteTerm, s.voteCand = term, cand
		return s
	}
	for _, tc := range []struct {
		name               string
		before, after, got *crashState
		says               string // "" if it may
	}{
		{"nothing happened", crashLog(one), crashLog(one, two, three), crashLog(one), ""},
		{"appended in part", crashLog(one), crashLog(one, two, three), crashLog(one, two), ""},
		{"appended", crashLog(one), crashLog(one, two), crashLog(one, two), ""},
		{"deleted in part", crashLog(one, two, three), crashLog(one), crashLog(one, two), ""},
		{"deleted too much", crashLog(one, two, three), crashLog(one, two), crashLog(one), "entry 2 (term 1) is lost"},
		{"lost", crashLog(one, two), crashLog(one, two), crashLog(one), "entry 2 (term 1) is lost"},
		{"deleted and back", crashLog(one), crashLog(one), crashLog(one, two), "entry 2 (term 1) is there"},
		{"other data", crashLog(one, two), crashLog(one, two, three), crashLog(one, crashEntry(2, "x")), "entry 2 differs"},
		{"other index", crashLog(one), crashLog(one), &crashState{first: 1, last: 1, logs: map[uint64]*raft.Log{1: two}}, "entry 1 differs"},
		{"new vote", voted(1, "a"), voted(2, "b"), voted(2, "b"), ""},
		{"new term and old candidate", voted(1, "a"), voted(2, "b"), voted(2, "a"), "vote: got term 2"},
		{"old term and new candidate", voted(1, "a"), voted(2, "b"), voted(1, "b"), "vote: got term 1"},
		{"vote forgotten", voted(1, "a"), voted(1, "a"), voted(0, ""), "vote: got term 0"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := tc.got.legal(tc.before, tc.after, true)
			if tc.says == "" && err != nil {
				t.Errorf("got %v, want nothing", err)
			}
			if tc.says != "" && (err == nil || !strings.Contains(err.Error(), tc.says)) {
				t.Errorf("got %v, want %q", err, tc.says)
			}
		})
	}
	if err := voted(2, "a").legal(voted(1, "a"), voted(2, "b"), false); err != nil {
		t.Errorf("a torn vote where it is allowed: got %v", err)
	}
}
