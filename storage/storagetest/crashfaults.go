package storagetest

import (
	"errors"
	"fmt"
	"sync"
	"syscall"

	"github.com/forkbikash/keyval/storage/storagetest/internal/crashfs"
)

// faultOps is how many operations a run has whose disk fails.
const faultOps = 60

// crashFault makes a disk fail.
type crashFault struct {
	titled string
	errno  syscall.Errno
	op     crashfs.Op
	nth    int   // of op, from 1; 0 for none
	limit  int64 // bytes that fit; 0 for any
}

// crashCount is what a run does to its disk.
type crashCount struct {
	mu   sync.Mutex
	ops  map[crashfs.Op]int
	most int64 // bytes taken
}

func (c *crashCount) add(op crashfs.Op) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ops[op]++
	return c.ops[op]
}

// diskErrors fails the n-th sync or write, once.
func (k *crashKit) diskErrors() []error {
	seed := k.seed + 2_000
	count, err := k.count(seed)
	if err != nil {
		return []error{err}
	}
	var faults []crashFault
	for op, name := range []string{crashfs.OpWrite: "write", crashfs.OpName: "change of names", crashfs.OpSync: "sync"} {
		op := crashfs.Op(op)
		tries := max(8, k.cutCount/12)
		if op == crashfs.OpName {
			tries /= 4
		}
		for _, nth := range spread(tries, count.ops[op]) {
			faults = append(faults, crashFault{
				titled: fmt.Sprintf("EIO at %s %d of %d", name, nth, count.ops[op]),
				errno:  syscall.EIO, op: op, nth: nth,
			})
		}
	}
	return k.withFaults(seed, faults)
}

// fullDisk lets only so many bytes fit.
func (k *crashKit) fullDisk() []error {
	seed := k.seed + 3_000
	count, err := k.count(seed)
	if err != nil {
		return []error{err}
	}
	var faults []crashFault
	for _, blocks := range spread(max(8, k.cutCount/12), int(count.most/4096)) {
		faults = append(faults, crashFault{
			titled: fmt.Sprintf("disk full at %d of %d blocks", blocks, count.most/4096),
			limit:  int64(blocks) * 4096,
		})
	}
	return k.withFaults(seed, faults)
}

// spread returns up to n numbers between 1 and most, evenly.
func spread(n, most int) (all []int) {
	n = min(n, most)
	for i := range n {
		all = append(all, 1+i*most/n)
	}
	return all
}

// count runs the script on a healthy disk.
func (k *crashKit) count(seed uint64) (*crashCount, error) {
	c := &crashCount{ops: make(map[crashfs.Op]int)}
	disk := crashfs.NewDisk()
	disk.Watch(func(op crashfs.Op) syscall.Errno {
		c.add(op)
		return 0
	})
	var failed error
	err := k.session(func(s *crashSession) error {
		_, err := s.order(disk, crashOrder{Seed: seed, Ops: faultOps}, func(n crashNews) bool {
			if n.Event == crashFails {
				failed = errors.New(n.Err)
			}
			c.most = max(c.most, disk.Used())
			return false
		})
		return err
	})
	if err = errors.Join(failed, err); err != nil {
		return nil, fmt.Errorf("on a healthy disk: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c, nil
}

// withFaults runs the script on a disk with each fault, and looks at what it
// leaves on a healthy one.
func (k *crashKit) withFaults(seed uint64, faults []crashFault) (failures []error) {
	var trials []crashTrial
	err := k.session(func(s *crashSession) error {
		for _, f := range faults {
			trial, err := k.withFault(s, seed, f)
			if err != nil {
				failures = append(failures, fmt.Errorf("%s: %w", f.titled, err))
				continue
			}
			trials = append(trials, trial)
		}
		return nil
	})
	if err != nil {
		// How a store closes after a fault is its own affair.
		k.t.Logf("after the last fault: %v", err)
	}
	return append(failures, k.try(trials)...)
}

func (k *crashKit) withFault(s *crashSession, seed uint64, f crashFault) (crashTrial, error) {
	disk := crashfs.NewDisk()
	f.arm(disk)
	r := &crashRecorder{disk: disk}
	var image *crashfs.Image
	var accepted []string
	ended := "the store bore it"
	_, err := s.order(disk, crashOrder{Seed: seed, Ops: faultOps, Promises: k.promises}, func(n crashNews) bool {
		r.note(n)
		switch n.Event {
		case crashAccepted:
			accepted = append(accepted, n.Err)
		case crashFails:
			ended = "the store said: " + n.Err
		case crashDone:
			return true
		}
		image = disk.Image() // the last is of before the store is closed
		if n.Event == crashFails {
			disk.Watch(nil)
			disk.Limit(0)
		}
		return false
	})
	switch {
	case errors.Is(err, errCrashDeath):
		ended = "the process ended"
		image = disk.Image()
	case err != nil:
		return crashTrial{}, err
	case len(accepted) > 0:
		return crashTrial{}, fmt.Errorf("%s, and accepted afterwards: %v", ended, accepted)
	}
	return crashTrial{
		image:  image,
		order:  crashOrder{Seed: seed, Acked: r.acked, Begun: r.begun},
		titled: fmt.Sprintf("%s (%s)", f.titled, ended),
	}, nil
}

func (f crashFault) arm(disk *crashfs.Disk) {
	disk.Limit(f.limit)
	if f.nth == 0 {
		return
	}
	c := &crashCount{ops: make(map[crashfs.Op]int)}
	disk.Watch(func(op crashfs.Op) syscall.Errno {
		if n := c.add(op); op == f.op && n == f.nth {
			return f.errno
		}
		return 0
	})
}
