package app

import (
	"net"
	"strings"
)

// check makes sure that the settings, each right by itself, are so together.
func (c Config) check() error {
	if c.ID == "" {
		if err := checkID(c.DefaultID()); err != nil {
			return usagef("the Raft address %s cannot name the node (%w): name it with -id", c.peerRaftAddr(), err)
		}
	}
	if c.Raft.ElectionTimeout < c.Raft.HeartbeatTimeout {
		return usagef("-election-timeout=%v is shorter than -heartbeat-timeout=%v: make it at least as long",
			c.Raft.ElectionTimeout, c.Raft.HeartbeatTimeout)
	}
	if c.InMemory() && c.Shadow.Name != "" {
		return usagef("-shadow-log-store=%s tries a log store beside one on disk, and this node writes nothing: leave one of them out", c.Shadow.Name)
	}
	return c.checkAddresses()
}

func (c Config) checkAddresses() error {
	if c.HTTPAddr == c.RaftAddr {
		return usagef("-haddr and -raddr are both %s: give them different ports", c.HTTPAddr)
	}
	if isWildcard(c.HTTPAddr) && c.HTTPAdvertise == "" {
		return usagef("-haddr=%s listens on every interface, which other nodes cannot be told: name this host with -haddr-adv=HOST%s",
			c.HTTPAddr, c.HTTPAddr[strings.LastIndexByte(c.HTTPAddr, ':'):])
	}
	for _, url := range c.Join {
		peer := strings.TrimPrefix(url, "http://")
		if !isRemote(peer) {
			continue
		}
		if addr := c.peerRaftAddr(); isLoopback(addr) {
			return unreachable(addr, peer, "Raft", "-raddr")
		}
		if addr := c.peerHTTPAddr(); isLoopback(addr) {
			return unreachable(addr, peer, "HTTP", "-haddr")
		}
	}
	return nil
}

func unreachable(addr, peer, kind, flag string) error {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	return usagef("%s cannot reach this node at its %s address %s: listen on an address of this host with %s=HOST:%s, or name one with %s-adv=HOST:%s",
		peer, kind, addr, flag, port, flag, port)
}
