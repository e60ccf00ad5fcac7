package app

import (
	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/stall"
)

// watched opens a log store whose calls are watched, so that the process ends
// when the disk hangs.
func (s *server) watched(open storage.Opener) storage.Opener {
	timeout := s.cfg.StallTimeout
	if timeout == 0 {
		return open
	}
	return func(dir string, o storage.Options) (storage.Store, error) {
		store, err := open(dir, o)
		if err != nil {
			return nil, err
		}
		return stall.Wrap(store, timeout, s.fail), nil
	}
}
