package guard_test

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/guard"
	"github.com/forkbikash/keyval/storage/memstore"
)

var errCrashed = errors.New("the process is gone")

// crashing is a disk under a process that dies: some writes of the vote and of
// numbers reach it, later ones do not.
type crashing struct {
	storage.Store
	reach int
}

func (c *crashing) passes() error {
	if c.reach == 0 {
		return errCrashed
	}
	c.reach--
	return nil
}

func (c *crashing) Set(key, value []byte) error {
	if err := c.passes(); err != nil {
		return err
	}
	return c.Store.Set(key, value)
}

func (c *crashing) SetUint64(key []byte, value uint64) error {
	if err := c.passes(); err != nil {
		return err
	}
	return c.Store.SetUint64(key, value)
}

func bare(s storage.Store) storage.Store { return s }

func guarded(s storage.Store) storage.Store { return guard.Wrap(s, nil) }

// saveVote is hashicorp/raft's persistVote.
func saveVote(s storage.Store, term uint64, candidate string) error {
	if err := s.SetUint64([]byte("LastVoteTerm"), term); err != nil {
		return err
	}
	return s.Set([]byte("LastVoteCand"), []byte(candidate))
}

func savedVote(t *testing.T, s storage.Store) string {
	t.Helper()
	term, err := s.GetUint64([]byte("LastVoteTerm"))
	if err != nil {
		t.Fatalf("read term of the vote: %v", err)
	}
	candidate, err := s.Get([]byte("LastVoteCand"))
	if err != nil {
		t.Fatalf("read candidate of the vote: %v", err)
	}
	return fmt.Sprintf("%d %s", term, candidate)
}

// TestVoteIsWhole crashes after every number of writes.
func TestVoteIsWhole(t *testing.T) {
	for _, tc := range []struct {
		name         string
		before, wear func(storage.Store) storage.Store // at the first vote, and from the second on
		reach        int
		want         string
	}{
		{"bare, nothing written", bare, bare, 0, "3 B"},
		{"bare, torn", bare, bare, 1, "9 B"}, // what the guard is for
		{"bare, all written", bare, bare, 2, "9 V"},
		{"guarded, nothing written", guarded, guarded, 0, "3 B"},
		{"guarded, all written", guarded, guarded, 1, "9 V"},
		{"guarded now, nothing written", bare, guarded, 0, "3 B"},
		{"guarded now, all written", bare, guarded, 1, "9 V"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			disk := memstore.New()
			if err := saveVote(tc.before(disk), 3, "B"); err != nil {
				t.Fatal(err)
			}
			err := saveVote(tc.wear(&crashing{disk, tc.reach}), 9, "V")
			if err != nil && !errors.Is(err, errCrashed) {
				t.Fatal(err)
			}
			if got := savedVote(t, tc.wear(disk)); got != tc.want {
				t.Errorf("got vote %q after the crash, want %q", got, tc.want)
			}
		})
	}
}

func TestHeldTermIsNotRead(t *testing.T) {
	s := guarded(memstore.New())
	if err := saveVote(s, 3, "B"); err != nil {
		t.Fatal(err)
	}
	if err := s.SetUint64([]byte("LastVoteTerm"), 9); err != nil {
		t.Fatal(err)
	}
	if got := savedVote(t, s); got != "3 B" {
		t.Errorf("got vote %q while its term is held, want the saved one, 3 B", got)
	}
}

func TestTakeOff(t *testing.T) {
	for reach := range 3 {
		t.Run(fmt.Sprintf("after %d writes", reach), func(t *testing.T) {
			disk := memstore.New()
			if err := saveVote(disk, 3, "B"); err != nil {
				t.Fatal(err)
			}
			if err := saveVote(guarded(disk), 9, "V"); err != nil {
				t.Fatal(err)
			}
			err := guard.TakeOff(&crashing{disk, reach})
			if done := err == nil; done != (reach == 2) {
				t.Fatalf("take off: got %v", err)
			}
			if got := savedVote(t, guarded(disk)); got != "9 V" {
				t.Errorf("guarded: got %q, want 9 V", got)
			}
			if err := guard.TakeOff(disk); err != nil {
				t.Fatal(err)
			}
			if got := savedVote(t, disk); got != "9 V" {
				t.Errorf("bare: got %q, want 9 V", got)
			}
			if err := saveVote(disk, 12, "X"); err != nil {
				t.Fatal(err)
			}
			if got := savedVote(t, guarded(disk)); got != "12 X" {
				t.Errorf("guarded again after a bare vote: got %q, want 12 X", got)
			}
		})
	}
	t.Run("never guarded", func(t *testing.T) {
		if err := guard.TakeOff(&crashing{memstore.New(), 0}); err != nil {
			t.Errorf("got %v, want nothing to do", err)
		}
	})
}

func TestDamagedVoteIsAnError(t *testing.T) {
	disk := memstore.New()
	s := guarded(disk)
	if err := saveVote(s, 3, "B"); err != nil {
		t.Fatal(err)
	}
	key := []byte("keyval/LastVote")
	saved, err := disk.Get(key)
	if err != nil {
		t.Fatal(err)
	}
	for i := range saved {
		damaged := append([]byte{}, saved...)
		damaged[i] ^= 0x10
		if err := disk.Set(key, damaged); err != nil {
			t.Fatal(err)
		}
		if _, err := s.GetUint64([]byte("LastVoteTerm")); err == nil {
			t.Errorf("byte %d damaged: got no error", i)
		}
	}
}

// TestTornVoteIsNotGranted is what Raft makes of it. V has log (50, term 5) and
// voted for B in term 3; it died while it saved its vote for itself in term 9.
// Then B, whose log ends at (2, term 1), asks for a vote in term 9.
func TestTornVoteIsNotGranted(t *testing.T) {
	for _, tc := range []struct {
		name    string
		wear    func(storage.Store) storage.Store
		granted bool
	}{
		{"bare", bare, true}, // the control: Raft itself is at fault here
		{"guarded", guarded, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				disk := memstore.New()
				prepareVoter(t, tc.wear(disk))
				// One write reaches the disk at most: less than both, and with a guard
				// the term never leaves memory.
				dying := tc.wear(&crashing{disk, 1})
				if err := dying.SetUint64([]byte("LastVoteTerm"), 9); err != nil {
					t.Fatal(err)
				}
				if got := askForVote(t, tc.wear(disk)); got != tc.granted {
					t.Errorf("got granted %v, want %v", got, tc.granted)
				}
			})
		})
	}
}

func prepareVoter(t *testing.T, s storage.Store) {
	t.Helper()
	members := raft.Configuration{Servers: []raft.Server{{ID: "V", Address: "V"}, {ID: "B", Address: "B"}, {ID: "C", Address: "C"}}}
	logs := []*raft.Log{{Index: 1, Term: 1, Type: raft.LogConfiguration, Data: raft.EncodeConfiguration(members)}}
	for i := uint64(2); i <= 50; i++ {
		logs = append(logs, &raft.Log{Index: i, Term: 5, Data: []byte("acknowledged")})
	}
	if err := errors.Join(s.StoreLogs(logs), saveVote(s, 3, "B"), s.SetUint64([]byte("CurrentTerm"), 9)); err != nil {
		t.Fatal(err)
	}
}

func askForVote(t *testing.T, s storage.Store) (granted bool) {
	t.Helper()
	conf := raft.DefaultConfig()
	conf.LocalID = "V"
	conf.Logger = hclog.NewNullLogger()
	_, toVoter := raft.NewInmemTransport("V")
	_, fromB := raft.NewInmemTransport("B")
	fromB.Connect("V", toVoter)
	v, err := raft.NewRaft(conf, ignorant{}, s, s, raft.NewInmemSnapshotStore(), toVoter)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := v.Shutdown().Error(); err != nil {
			t.Error(err)
		}
	}()
	var answer raft.RequestVoteResponse
	err = fromB.RequestVote("V", "V", &raft.RequestVoteRequest{
		RPCHeader: raft.RPCHeader{ProtocolVersion: 3, ID: []byte("B"), Addr: []byte("B")},
		Term:      9, LastLogIndex: 2, LastLogTerm: 1,
	}, &answer)
	if err != nil {
		t.Fatal(err)
	}
	return answer.Granted
}

// ignorant is a state machine that nothing matters to.
type ignorant struct{}

func (ignorant) Apply(*raft.Log) any                 { return nil }
func (ignorant) Snapshot() (raft.FSMSnapshot, error) { return nil, errors.New("no snapshots") }
func (ignorant) Restore(r io.ReadCloser) error       { return r.Close() }
