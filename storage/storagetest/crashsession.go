package storagetest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/forkbikash/keyval/storage/storagetest/internal/crashfs"
)

// crashImpossible returns why no crash can be made here, or nil.
func crashImpossible(t *testing.T) error {
	t.Helper()
	m, err := crashfs.Mount(t.TempDir())
	if err != nil {
		return err
	}
	return m.Unmount()
}

// crashSession is a mount with a child that works on it. A child that dies is
// followed by another.
type crashSession struct {
	test  string
	dir   string
	mount *crashfs.Mounted
	disks int
	child *crashProcess
}

// session hands one to do.
func (k *crashKit) session(do func(*crashSession) error) error {
	dir, err := os.MkdirTemp("", "crash")
	if err != nil {
		return err
	}
	m, err := crashfs.Mount(dir)
	if err != nil {
		return errors.Join(err, os.Remove(dir))
	}
	s := &crashSession{test: k.name, dir: dir, mount: m}
	err = do(s)
	if s.child != nil {
		err = errors.Join(err, s.child.end(false))
	}
	return errors.Join(err, m.Unmount(), os.Remove(dir))
}

// order has the child do o on disk, and hear called for all that it tells until
// it is done. What hear returns is whether the run shall end there. The last
// news is returned, and how the child ended if it did.
func (s *crashSession) order(disk *crashfs.Disk, o crashOrder, hear func(crashNews) bool) (last crashNews, err error) {
	s.disks++
	name := fmt.Sprintf("disk%d", s.disks)
	s.mount.Attach(name, disk)
	o.Dir = filepath.Join(s.dir, name)
	if s.child == nil {
		if s.child, err = startCrashProcess(s.test); err != nil {
			return last, err
		}
	}
	var send any = o
	for {
		_ = s.child.enc.Encode(send) // fails when the child has died, and hear knows how
		news, err := s.child.hear()
		if err != nil {
			s.child = nil
			return last, err
		}
		last = news
		stop := hear(news)
		send = crashAnswer{Stop: stop}
		if news.Event == crashDone {
			return last, s.child.enc.Encode(send)
		}
	}
}

// crashTrial is a disk as a crash left it, and what should be on it.
type crashTrial struct {
	image  *crashfs.Image
	keep   crashfs.Keep
	order  crashOrder
	titled string
}

// sessionTrials bounds how many disks are held by one mount.
const sessionTrials = 25

// try checks each trial and returns what failed.
func (k *crashKit) try(trials []crashTrial) (failures []error) {
	k.made += len(trials)
	for len(trials) > 0 {
		some := trials[:min(len(trials), sessionTrials)]
		trials = trials[len(some):]
		err := k.session(func(s *crashSession) error {
			for _, trial := range some {
				if err := trial.run(s, k.promises); err != nil {
					failures = append(failures, k.explain(trial, err))
				}
			}
			return nil
		})
		if err != nil {
			return append(failures, err)
		}
	}
	return failures
}

func (c crashTrial) run(s *crashSession, promises CrashPromise) error {
	c.order.Check, c.order.Promises = true, promises
	disk := c.image.Disk(c.keep)
	var second *crashfs.Image
	news, err := s.order(disk, c.order, func(n crashNews) bool {
		if n.Event == crashRecovers {
			second = disk.Image()
			c.order.Want = n.Has
		}
		return false
	})
	if err == nil && news.Err != "" {
		err = errors.New(news.Err)
	}
	if err != nil || second == nil {
		return err
	}
	news, err = s.order(second.Disk(crashfs.Keep{}), c.order, func(crashNews) bool { return false })
	if err == nil && news.Err != "" {
		err = errors.New(news.Err)
	}
	if err != nil {
		return fmt.Errorf("after a second cut, of the store that had recovered and was written to: %w", err)
	}
	return nil
}

func (k *crashKit) explain(c crashTrial, err error) error {
	_, _, inFlight := crashStates(c.order.Seed, c.order.Acked, c.order.Begun)
	return fmt.Errorf("%s, after %d operations, in flight %s: %w\n(%s=%d, script %d)",
		c.titled, c.order.Acked, inFlight, err, CrashSeedEnv, k.seed, c.order.Seed)
}
