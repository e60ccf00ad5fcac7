package app

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/transport"
)

// preflight finds out, before anything is made or anyone asked, whether the
// plugs take what the flags have for them: only they know. Each is opened where
// that leaves nothing.
func (s *server) preflight() error {
	if !s.cfg.InMemory() { // that opens before anything else and leaves nothing
		if err := s.tryLogStore("-log-store", s.cfg.LogStore); err != nil {
			return err
		}
	}
	if err := s.tryLogStore("-shadow-log-store", s.cfg.Shadow); err != nil {
		return err
	}
	return s.tryTransport()
}

func (s *server) tryLogStore(flag string, p Plug) error {
	if err := s.plugs.trySettings(p); err != nil {
		return logStoreError(flag, p.Name, err)
	}
	return nil
}

// trySettings opens a log store for reading where there is none. That fails, and
// for a reason of its own when the argument is wrong, which is what it returns.
func (p Plugs) trySettings(logStore Plug) error {
	if logStore.Arg == "" {
		return nil
	}
	dir, err := os.MkdirTemp("", "keyval-")
	if err != nil {
		return nil // where it matters, whoever opens the store will tell
	}
	defer os.RemoveAll(dir) //nolint:errcheck // it is the system's temporary directory
	store, err := p.LogStores[logStore.Name](dir, storage.Options{Arg: logStore.Arg, ReadOnly: true})
	if err == nil {
		return store.Close()
	}
	if errors.As(err, new(*storage.ArgError)) {
		return err
	}
	return nil
}

// tryTransport listens for a moment. Peers that call just then are not answered,
// as if the node had not started yet.
func (s *server) tryTransport() error {
	c := s.transportConfig()
	c.ID, c.Logger = cmp.Or(s.cfg.ID, s.cfg.DefaultID()), nil
	t, err := s.startTransport(c)
	if err != nil {
		return err
	}
	return t.Close()
}

func (s *server) startTransport(c transport.Config) (transport.Transport, error) {
	t, err := s.plugs.Transports[s.cfg.Transport.Name](c)
	if err == nil {
		return t, nil
	}
	err = fmt.Errorf("transport %s: %w", s.cfg.Transport.Name, err)
	if !ofSystem(err) {
		return nil, usageError{err}
	}
	return nil, err
}

// ofSystem says whether err is the operating system's or the network's. What
// else a transport finds wrong with its configuration is the user's to mend.
func ofSystem(err error) bool {
	return errors.As(err, new(*net.OpError)) || errors.As(err, new(syscall.Errno))
}

func logStoreError(flag, name string, err error) error {
	err = fmt.Errorf("%s=%s: %w", flag, name, err)
	if errors.As(err, new(*storage.ArgError)) {
		return usageError{err}
	}
	return err
}
