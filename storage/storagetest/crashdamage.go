package storagetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/storagetest/internal/crashfs"
)

// CrashDamage flips a bit anywhere in the files of a store that was closed by a
// loss of power, and opens it again. Either the store says so, with an error when
// it is opened or read, or by ending the process, or nothing is different: all
// that was acknowledged is there. An entry that differs, is lost, or reads as not
// found is a failure. Entries that were deleted may be back: Raft deletes before
// it acknowledges anything in their place, so to it that is a deletion that has
// not happened yet.
//
// [storage.Store] does not promise this, and a store without checksums fails.
// How often and with what seed is set as for [Crash], and so is where it runs.
func CrashDamage(t *testing.T, open storage.Opener) {
	t.Helper()
	k := startCrash(t, open)
	k.run(t, "flipped bits", k.flippedBits)
}

// damageMoments is how many moments of a run are damaged.
const damageMoments = 10

func (k *crashKit) flippedBits() (failures []error) {
	seed := k.seed + 4_000
	// Far enough apart for the log to have something.
	moments, err := k.record(seed, 4*damageMoments, afterAck)
	if err != nil {
		return []error{err}
	}
	moments = moments[len(moments)-damageMoments:]
	rng := rand.New(rand.NewPCG(seed, 7))
	found := 0
	for len(moments) > 0 {
		m := moments[0]
		moments = moments[1:]
		err := k.session(func(s *crashSession) error {
			for range max(1, k.cutCount/damageMoments) {
				k.made++
				disk := m.image.Disk(crashfs.Everything)
				where := disk.Flip(rng)
				said, silent, err := k.damaged(s, disk, crashOrder{Seed: seed, Acked: m.acked, Begun: m.begun})
				if err != nil {
					return err
				}
				if said {
					found++
				}
				if silent != "" {
					failures = append(failures, fmt.Errorf("flipped %s: not reported, and %s\n(%s=%d)", where, silent, CrashSeedEnv, k.seed))
				}
			}
			return nil
		})
		if err != nil {
			return append(failures, err)
		}
	}
	k.t.Logf("%d reported, %d harmless", found, k.made-found-len(failures))
	return failures
}

// damaged returns whether the store said that it is, or what is wrong without a
// word.
func (k *crashKit) damaged(s *crashSession, disk *crashfs.Disk, o crashOrder) (said bool, silent string, err error) {
	o.Damaged = true
	news, err := s.order(disk, o, func(crashNews) bool { return false })
	if errors.Is(err, errCrashDeath) {
		return true, "", nil
	}
	return news.Said, news.Err, err
}

// crashInspect opens a store that may be damaged. It returns whether the store
// says so, and else what is wrong.
func crashInspect(open storage.Opener, o crashOrder) (said bool, wrong error) {
	before, after, _ := crashStates(o.Seed, o.Acked, o.Begun)
	s, err := open(o.Dir, storage.Options{})
	if err != nil {
		return true, nil
	}
	got, err := readCrashState(s)
	_ = s.Close() // what it says now, nobody asked
	switch {
	case errors.Is(err, raft.ErrLogNotFound) || errors.Is(err, errCrashBounds):
		return false, err // to raft that is no damage
	case err != nil:
		return true, nil
	}
	got.forget(crashEverStored(o), before, after)
	return false, got.legal(before, after, true)
}

// crashEverStored returns each entry that the run stored, by index.
func crashEverStored(o crashOrder) map[uint64][]*raft.Log {
	ever := make(map[uint64][]*raft.Log)
	script := newCrashScript(o.Seed)
	for range o.Begun {
		script.next()
		for i, l := range script.state.logs {
			if !slices.Contains(ever[i], l) {
				ever[i] = append(ever[i], l)
			}
		}
	}
	return ever
}

// forget removes what was deleted and is back as it was.
func (s *crashState) forget(ever map[uint64][]*raft.Log, before, after *crashState) {
	for i, got := range s.logs {
		same := func(l *raft.Log) bool { return sameCrashEntry(got, l) }
		if before.logs[i] == nil && after.logs[i] == nil && slices.ContainsFunc(ever[i], same) {
			delete(s.logs, i)
		}
	}
}
