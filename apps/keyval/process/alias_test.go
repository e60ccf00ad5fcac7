package process_test

import (
	"fmt"
	"net"
	"net/http"
	"testing"
)

// A node that says it is reached where a member listens, in other words, must not
// be taken for that member: its leader would depose itself by its own heartbeats,
// and a follower's disk would count twice.
func TestAliasOfAMemberIsRefused(t *testing.T) {
	t.Parallel()
	for name, pick := range map[string]func(c *cluster) *node{
		"the leader": (*cluster).leader,
		"a follower": (*cluster).follower,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := startCluster(t, "", 3, steady...)
			c.checkAliasIsRefused(pick(c))
		})
	}
	t.Run("the only member", func(t *testing.T) {
		t.Parallel()
		c := startCluster(t, "", 1, steady...)
		c.checkAliasIsRefused(c.nodes[0])
	})
}

// checkAliasIsRefused has a node and a client's request join at aliases of member.
func (c *cluster) checkAliasIsRefused(member *node) {
	t := c.t
	t.Helper()
	members := c.running()
	before, term := c.members(members...), c.leader().mustStatus().Term
	w := startWriting("key", members...)
	aliases := aliasesOf(t, member.raddr)

	n := c.node()
	if err := n.launch(errorsOnly, "-raddr-adv", aliases[0], "-join", member.haddr); err != nil {
		t.Fatal(err)
	}
	body := fmt.Sprintf(`{"id":"ghost","addr":%q}`, aliases[1])
	if err := member.ask(http.MethodPost, "/join", body).is(http.StatusUnprocessableEntity, "unreachable"); err != nil {
		t.Errorf("the ghost: %v", err)
	}
	n.expectRefused(t, n.id, aliases[0], "-raddr-adv")

	w.awaitMore(t, 20)
	c.awaitKeys(w.stop(), members...)
	checkSameMembers(t, before, c.members(members...))
	if now := c.leader().mustStatus().Term; now != term {
		t.Errorf("the term is now %d and was %d: the leader fell", now, term)
	}
	// At an address of its own the node is welcome.
	n.start("-join", member.haddr)
	c.members(c.nodes...)
}

// aliasesOf are two other spellings of a loopback address.
func aliasesOf(t *testing.T, addr string) [2]string {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	if host == "localhost" {
		return [2]string{"127.0.0.1:" + port, "[::ffff:127.0.0.1]:" + port}
	}
	ip := net.ParseIP(host).To4()
	return [2]string{
		fmt.Sprintf("[::ffff:%s]:%s", ip, port),
		fmt.Sprintf("[::ffff:%02x%02x:%x]:%s", ip[0], ip[1], int(ip[2])<<8|int(ip[3]), port),
	}
}
