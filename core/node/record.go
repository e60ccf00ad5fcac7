package node

import (
	"net"
	"strings"

	"google.golang.org/protobuf/proto"

	pb "github.com/forkbikash/keyval/core/command/commandpb"
)

// record is r as the cluster records it.
func (r JoinRequest) record(joining bool) *pb.Member {
	return &pb.Member{
		Id: r.ID, RaftAddr: r.RaftAddr, HttpAddr: r.HTTPAddr, Incarnation: r.Incarnation,
		LogStore: r.LogStore, Transport: r.Transport, CommandVersion: max(r.CommandVersion, 1), Joining: joining,
	}
}

// record is what the cluster knows of the member id; nil when it knows nothing.
func (n *Node) record(id string) *pb.Member {
	if m, ok := n.state().Member(id); ok {
		return m
	}
	return nil
}

// settled is m as a voter.
func settled(m *pb.Member) *pb.Member {
	c := proto.CloneOf(m)
	c.Joining = false
	return c
}

// sameRecord says whether a and b tell the same of a member.
func sameRecord(a, b *pb.Member) bool { return a != nil && b != nil && proto.Equal(a, b) }

// merged is what the cluster should record when the member recorded as old asks
// as r: what r does not tell stays as it was.
func (r JoinRequest) merged(old *pb.Member) *pb.Member {
	m := r.record(old.GetJoining())
	keep := func(field *string, was string) {
		if *field == "" {
			*field = was
		}
	}
	keep(&m.HttpAddr, old.GetHttpAddr())
	keep(&m.LogStore, old.GetLogStore())
	keep(&m.Transport, old.GetTransport())
	if m.GetIncarnation() == 0 {
		m.Incarnation = old.GetIncarnation()
	}
	if r.CommandVersion == 0 {
		m.CommandVersion = max(old.GetCommandVersion(), 1)
	}
	return m
}

// loopback says whether addr is host:port with a host that only this machine
// reaches. Addresses in another form belong to other transports: unknown.
func loopback(addr string) (is, known bool) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false, false
	}
	if strings.EqualFold(host, "localhost") {
		return true, true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback(), ip != nil
}
