package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/forkbikash/keyval/client/api"
	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/shadow"
)

// shadowed has the log store that is to be tried follow store.
func (s *server) shadowed(store storage.Store) storage.Store {
	c := s.cfg.Shadow
	if c.Name == "" {
		return store
	}
	dir, log := s.id.dir.ShadowDir(), s.log.With("shadow_log_store", c.Name)
	store, s.id.shadow = shadow.Wrap(store, shadow.Options{
		Logger: log,
		Open: func() (storage.Store, error) {
			if err := emptyDir(dir); err != nil {
				return nil, err
			}
			return s.plugs.LogStores[c.Name](dir, storage.Options{Arg: c.Arg, Logger: log})
		},
	})
	return store
}

// emptyDir makes dir, or empties it. The directory itself stays: it may be where
// another disk is mounted.
func emptyDir(dir string) error {
	if err := os.Mkdir(dir, 0o700); !errors.Is(err, os.ErrExist) {
		return err
	}
	old, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range old {
		if e.Name() == "lost+found" { // of a file system's root
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("empty %s: %w", dir, err)
		}
	}
	return nil
}

// shadowStatus is nil when no log store is tried.
func (s *server) shadowStatus() *api.Shadow {
	if s.id.shadow == nil {
		return nil
	}
	r := s.id.shadow.Report()
	status := &api.Shadow{
		LogStore: s.cfg.Shadow.Name,
		On:       r.Off == "", Reason: r.Off,
		Writes: r.Writes, Reads: r.Reads, Skipped: r.Skipped,
		Differences: r.Differences, Examples: r.Examples,
		Waiting: r.Waiting,
		Latency: make(map[string]api.ShadowLatency),
	}
	for name, p := range map[string]shadow.Pair{
		"append": r.Appends, "truncate": r.Truncations, "vote": r.Votes, "read": r.ReadTimes,
	} {
		status.Latency[name] = api.ShadowLatency{Primary: wireLatency(p.Primary), Shadow: wireLatency(p.Candidate)}
	}
	return status
}

func wireLatency(l shadow.Latency) api.Latency {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return api.Latency{Count: l.Count, P50: ms(l.P50), P99: ms(l.P99)}
}
