package tcp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
)

// advertised is the address that peers are told, exactly as it was given: a host
// name stays a name, so that it can move to another IP address.
type advertised string

func (advertised) Network() string  { return "tcp" }
func (a advertised) String() string { return string(a) }

// checkAddresses says what peers are told when a node listens on bind and
// advertises advertise, or why they could not use it.
func checkAddresses(bind, advertise string) (advertised, error) {
	host, port, err := splitAddress(bind)
	if err != nil {
		return "", fmt.Errorf("raft address %q: %w", bind, err)
	}
	if advertise != "" {
		if host, port, err = splitAddress(advertise); err != nil {
			return "", fmt.Errorf("advertised raft address %q: %w", advertise, err)
		}
		if err := reachable(host, port); err != nil {
			return "", fmt.Errorf("advertised raft address %q: %w: set -raddr-adv to the HOST:PORT at which peers reach this node", advertise, err)
		}
		return advertised(advertise), nil
	}
	if err := reachable(host, port); err != nil {
		return "", fmt.Errorf("raft address %q: %w: set -raddr-adv to the HOST:PORT at which peers reach this node", bind, err)
	}
	return advertised(bind), nil
}

// splitAddress takes HOST:PORT apart. The host may be empty and the port 0, as
// is right for listening.
func splitAddress(addr string) (host string, port int, err error) {
	const want = "want HOST:PORT, such as localhost:12000 or [::1]:12000"
	host, service, err := net.SplitHostPort(addr)
	if err != nil {
		reason := err.Error()
		if addrErr := (*net.AddrError)(nil); errors.As(err, &addrErr) {
			reason = addrErr.Err
		}
		return "", 0, fmt.Errorf("%s; %s", reason, want)
	}
	if port, err = strconv.Atoi(service); err != nil || port < 0 || port > 65535 {
		return "", 0, fmt.Errorf("the port %q is not a number from 0 to 65535; %s", service, want)
	}
	if !isHost(host) {
		return "", 0, fmt.Errorf("%q is neither a host name nor an IP address; %s", host, want)
	}
	return host, port, nil
}

// isHost keeps out what no resolver would find, so that a slip such as a pasted
// URL is told at start and not by a lookup that fails for ever.
func isHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil || host == "" {
		return true
	}
	const maxName = 253
	stray := strings.ContainsFunc(host, func(r rune) bool {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return false
		}
		return r != '-' && r != '.' && r != '_'
	})
	return !stray && len(host) <= maxName
}

// reachable refuses what no peer could ever dial.
func reachable(host string, port int) error {
	if port == 0 {
		return errors.New("peers cannot dial port 0")
	}
	if host == "" {
		return errors.New("it is a wildcard, which peers cannot dial")
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return nil
	}
	switch ip = ip.Unmap(); {
	case ip.IsUnspecified():
		return errors.New("it is a wildcard, which peers cannot dial")
	case ip.IsMulticast(), ip == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return errors.New("it names many machines, not this one")
	}
	return nil
}

// listenError makes one line of what the system says about bind.
func listenError(bind string, err error) error {
	if addressInUse(err) {
		return fmt.Errorf("raft address %s: address already in use: stop the process that listens there or choose another -raddr (%w)", bind, err)
	}
	return fmt.Errorf("raft address %s: %w", bind, err)
}

func addressInUse(err error) bool {
	// Windows has its own number for it, which syscall.EADDRINUSE does not match.
	const wsaAddrInUse = syscall.Errno(10048)
	var errno syscall.Errno
	return errors.As(err, &errno) && (errno == syscall.EADDRINUSE || errno == wsaAddrInUse)
}
