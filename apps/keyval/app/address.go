package app

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode"
)

// checkAddr takes HOST:PORT where HOST may be empty, for every interface.
func checkAddr(s string) error {
	if strings.Contains(s, "://") {
		return errors.New("write host:port, without a scheme")
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		if strings.Count(s, ":") > 1 && !strings.Contains(s, "[") {
			return errors.New("write an IPv6 address in brackets, such as [::1]:11000")
		}
		return errors.New("write host:port, such as localhost:11000")
	}
	if strings.ContainsFunc(host, notInHost) || strings.HasPrefix(host, "-") {
		return fmt.Errorf("%q is not a host", host)
	}
	return checkPort(port)
}

func notInHost(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune(`/\?#@[],`, r)
}

func checkPort(port string) error {
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return fmt.Errorf("port %q is not a number from 1 to 65535", port)
	}
	if n == 0 {
		return errors.New("port 0 would be another one at each start: give a number from 1 to 65535")
	}
	return nil
}

// checkReachable takes HOST:PORT that another node can be told.
func checkReachable(s string) error {
	if err := checkAddr(s); err != nil {
		return err
	}
	if isWildcard(s) {
		return errors.New("it stands for every interface and cannot be connected to: name this host")
	}
	return nil
}

// checkRaftAddr refuses only what no transport can mean; the form of an address
// is the transport's.
func checkRaftAddr(s string) error {
	switch {
	case s == "":
		return errors.New("write an address, such as localhost:12000")
	case strings.ContainsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }):
		return errors.New("an address has no spaces")
	case s[0] == '-':
		return errors.New("an address does not begin with a dash: is the flag's value missing?")
	}
	if _, port, err := net.SplitHostPort(s); err == nil && port == "0" {
		return checkPort(port)
	}
	return nil
}

// joins parses a comma-separated list of nodes to join through.
func joins(to *[]string) func(string) error {
	return func(s string) error {
		var urls []string
		for e := range strings.SplitSeq(s, ",") {
			u, err := joinURL(e)
			if err != nil {
				return err
			}
			urls = append(urls, u)
		}
		*to = urls
		return nil
	}
}

// joinURL makes a base URL of an element of -join.
func joinURL(e string) (string, error) {
	addr := e
	if strings.Contains(e, "://") {
		u, err := url.Parse(e)
		switch {
		case err != nil:
			return "", fmt.Errorf("%q is not a URL", e)
		case u.Scheme != "http":
			return "", fmt.Errorf("%q: only http:// is understood", e)
		case u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "":
			return "", fmt.Errorf("%q: write http://host:port and nothing after it", e)
		}
		addr = u.Host
	}
	if strings.TrimSpace(addr) == "" {
		return "", errors.New("an address is empty: separate them with single commas")
	}
	if err := checkAddr(addr); err != nil {
		return "", fmt.Errorf("%q: %w", e, err)
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", err
	}
	if host == "" {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port), nil
}

// isWildcard says whether addr listens on every interface.
func isWildcard(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "" || err == nil && ip.IsUnspecified()
}

// isLoopback says whether addr is certainly of this machine alone. Names other
// than localhost are not looked up: what they mean may change.
func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") || err == nil && ip.Unmap().IsLoopback()
}

// isRemote says whether addr is certainly not loopback.
func isRemote(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && !ip.Unmap().IsLoopback() && !ip.IsUnspecified()
}
