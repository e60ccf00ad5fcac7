package process_test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"
)

// host is the loopback address of this run's nodes. Where all of 127.0.0.0/8 is
// loopback, as on Linux, each run takes one of its own, so that another that goes
// on at the same time cannot take the port of a node that is down.
var host = sync.OnceValue(func() string {
	own := fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(254), rand.IntN(256), 1+rand.IntN(254))
	l, err := net.Listen("tcp", net.JoinHostPort(own, "0"))
	if err != nil {
		return "localhost"
	}
	_ = l.Close() // it was opened only to see that it can be
	return own
})

// Ports are taken from below those that systems give to outgoing connections
// (32768 and up on Linux, 49152 elsewhere): a killed node's port must still be
// free when it comes back.
const (
	firstPort = 15000
	lastPort  = 32000
)

var ports struct {
	sync.Mutex
	given map[int]bool
}

// freeAddr returns a loopback address that nobody listens at, and that no other
// test of this process was given.
func freeAddr(t *testing.T) string {
	t.Helper()
	return freeOn(t, host())
}

// freeEverywhere is freeAddr whose port is free on every interface, and so the
// same port for a node that listens on all of them.
func freeEverywhere(t *testing.T) (addr, wildcard string) {
	t.Helper()
	_, port, err := net.SplitHostPort(freeOn(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort(host(), port), net.JoinHostPort("0.0.0.0", port)
}

func freeOn(t *testing.T, host string) string {
	t.Helper()
	ports.Lock()
	defer ports.Unlock()
	if ports.given == nil {
		ports.given = make(map[int]bool)
	}
	for range 1000 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		if ports.given[port] {
			continue
		}
		addr := net.JoinHostPort(host, strconv.Itoa(port))
		l, err := net.Listen("tcp", addr)
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		ports.given[port] = true
		return addr
	}
	t.Fatal("there is no free port")
	return ""
}
