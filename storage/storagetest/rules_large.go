package storagetest

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"time"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
)

func largeRules() []Rule {
	return []Rule{
		{Name: "many", Says: "a log of 100,000 entries has them all", Relies: "replication.go:setNewLogs", check: many(0)},
		{Name: "many-cut", Says: "a log of 100,000 entries can be cut to its last ones", Relies: "snapshot.go:compactLogsWithTrailing", check: many(90_123)},
		{Name: "space", Says: "the space of what was cut is given back or used again", Relies: "snapshot.go:compactLogs", check: spaceGivenBack},
	}
}

// many stores 100,000 entries, cuts the beginning up to cut, and looks at both
// ends and at some in between.
func many(cut uint64) func(*lab) error {
	const n, batch = 100_000, 1000
	return func(l *lab) error {
		return l.lasting(
			func(s storage.Store) error {
				for i := uint64(1); i <= n; i += batch {
					if err := s.StoreLogs(entries(i, i+batch-1, 1)); err != nil {
						return err
					}
				}
				if cut == 0 {
					return nil
				}
				return s.DeleteRange(1, cut)
			},
			func(s storage.Store) error {
				for i := uint64(1); i <= n; i++ {
					if i > 2 && i%97 != 0 && i+2 < n && (i+2 < cut || i > cut+2) {
						continue
					}
					if err := present(s, i, i > cut); err != nil {
						return err
					}
				}
				return errors.Join(bounded(s, cut+1, n), lacks(s, 0, n+1))
			})
	}
}

func present(s storage.Store, i uint64, want bool) error {
	if !want {
		return lacks(s, i)
	}
	var got raft.Log
	if err := s.GetLog(i, &got); err != nil {
		return fmt.Errorf("GetLog(%d): %w", i, err)
	}
	return sameEntry(&got, entry(i, 1))
}

// spaceGivenBack writes 128 MiB and keeps less than 2 of them. A store may
// preallocate, and clean up behind; a quarter of what was written must go.
func spaceGivenBack(l *lab) error {
	const (
		size, batch, n = 64 << 10, 16, 2048
		keep           = 16
		written        = size * n
	)
	random := rand.NewChaCha8([32]byte{1}) // what cannot be compressed
	return l.with(storage.Options{}, func(s storage.Store) error {
		first := uint64(1)
		for i := uint64(1); i <= n; i += batch {
			var logs []*raft.Log
			for j := range uint64(batch) {
				data := make([]byte, size)
				_, _ = random.Read(data) // it has no errors
				logs = append(logs, &raft.Log{Index: i + j, Term: 1, Data: data})
			}
			if err := s.StoreLogs(logs); err != nil {
				return err
			}
			if i > keep {
				if err := s.DeleteRange(first, i-keep); err != nil {
					return err
				}
				first = i - keep + 1
			}
		}
		return shrinksTo(l.dir, written/4*3)
	})
}

func shrinksTo(dir string, most int64) error {
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		used, err := usage(dir)
		if err == nil && used <= most {
			return nil
		}
		if time.Since(began) > patience {
			return fmt.Errorf("the directory has %d bytes, error %v; want at most %d", used, err, most)
		}
	}
}

func usage(dir string) (used int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err == nil && info.Mode().IsRegular() {
			used += info.Size()
		}
		return err
	})
	return used, err
}
