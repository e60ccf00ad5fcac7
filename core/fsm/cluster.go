package fsm

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
	"google.golang.org/protobuf/proto"

	pb "github.com/forkbikash/keyval/core/command/commandpb"
)

// maxRemoved bounds how many removed incarnations are remembered.
const maxRemoved = 1024

// cluster is what is replicated beside the keys. It is immutable, so that a
// pinned reader keeps what it saw by keeping the pointer.
type cluster struct {
	id         string
	minVersion uint32
	members    []*pb.Member // ascending by id
	removed    []uint64     // incarnations, in the order of their removal
	hash       uint64       // of all the above
}

func newCluster() *cluster {
	return (&cluster{minVersion: 1}).hashed()
}

// changed is a copy to change before it is shared. The slices are still the
// original's.
func (c *cluster) changed(change func(*cluster)) *cluster {
	n := *c
	change(&n)
	return n.hashed()
}

func (c *cluster) withID(id string) (*cluster, error) {
	switch {
	case id == "":
		return nil, fmt.Errorf("%w: the new one is empty", ErrOtherCluster)
	case c.id == id:
		return c, nil
	case c.id != "":
		return nil, fmt.Errorf("%w: it is %s, not %s", ErrOtherCluster, c.id, id)
	}
	return c.changed(func(n *cluster) { n.id = id }), nil
}

func (c *cluster) withMember(m *pb.Member) (*cluster, error) {
	switch {
	case m.GetId() == "":
		return nil, ErrNoMemberID
	case c.isRemoved(m.GetIncarnation()):
		return nil, fmt.Errorf("%w: %s", ErrRemoved, m.GetId())
	case commandVersion(m) < c.minVersion:
		return nil, fmt.Errorf("%w: %s applies %d, the cluster uses %d", ErrMemberTooOld, m.GetId(), commandVersion(m), c.minVersion)
	}
	at, found := c.find(m.GetId())
	replaced := 0
	if found {
		replaced = 1
	}
	return c.changed(func(n *cluster) {
		n.members = slices.Replace(slices.Clone(c.members), at, at+replaced, proto.CloneOf(m))
	}), nil
}

// withoutMember leaves a member of another incarnation than the one to remove.
// With tombstone, it remembers the incarnation either way.
func (c *cluster) withoutMember(r *pb.RemoveMember) *cluster {
	incarnation := r.GetIncarnation()
	at, found := c.find(r.GetId())
	if found && incarnation == 0 {
		incarnation = c.members[at].GetIncarnation()
	}
	remove := found && c.members[at].GetIncarnation() == incarnation
	bury := r.GetTombstone() && incarnation != 0 && !c.isRemoved(incarnation)
	if !remove && !bury {
		return c
	}
	return c.changed(func(n *cluster) {
		if remove {
			n.members = slices.Delete(slices.Clone(c.members), at, at+1)
		}
		if bury {
			oldest := max(0, len(c.removed)+1-maxRemoved)
			n.removed = append(slices.Clone(c.removed[oldest:]), incarnation)
		}
	})
}

func (c *cluster) withMinVersion(v uint32) (*cluster, error) {
	switch {
	case v == c.minVersion:
		return c, nil
	case v < c.minVersion:
		return nil, fmt.Errorf("%w: it is %d, and %d is lower", ErrMinVersion, c.minVersion, v)
	case len(c.members) == 0:
		return nil, fmt.Errorf("%w: no member is known to apply %d", ErrMinVersion, v)
	}
	for _, m := range c.members {
		if commandVersion(m) < v {
			return nil, fmt.Errorf("%w: %s applies %d, not %d", ErrMemberTooOld, m.GetId(), commandVersion(m), v)
		}
	}
	return c.changed(func(n *cluster) { n.minVersion = v }), nil
}

// commandVersion is the newest one that m applies. Unknown counts as the first.
func commandVersion(m *pb.Member) uint32 { return max(1, m.GetCommandVersion()) }

func (c *cluster) find(id string) (at int, found bool) {
	return slices.BinarySearchFunc(c.members, id, func(m *pb.Member, id string) int {
		return strings.Compare(m.GetId(), id)
	})
}

func (c *cluster) isRemoved(incarnation uint64) bool {
	return incarnation != 0 && slices.Contains(c.removed, incarnation)
}

// hashed sets the hash. Its framing is a promise between replicas of different
// releases: every field is hashed, each with its length.
func (c *cluster) hashed() *cluster {
	b := appendFrame(nil, 'c', uint64(c.minVersion))
	b = appendString(b, c.id)
	b = appendFrame(b, 'm', uint64(len(c.members)))
	for _, m := range c.members {
		for _, s := range []string{m.GetId(), m.GetRaftAddr(), m.GetHttpAddr(), m.GetLogStore(), m.GetTransport()} {
			b = appendString(b, s)
		}
		joining := uint64(0)
		if m.GetJoining() {
			joining = 1
		}
		b = appendFrame(b, 'i', m.GetIncarnation())
		b = appendFrame(b, 'v', uint64(m.GetCommandVersion()))
		b = appendFrame(b, 'j', joining)
	}
	b = appendFrame(b, 'x', uint64(len(c.removed)))
	for _, incarnation := range c.removed {
		b = appendFrame(b, 'i', incarnation)
	}
	c.hash = xxhash.Sum64(b)
	return c
}

func appendFrame(b []byte, kind byte, v uint64) []byte {
	return binary.LittleEndian.AppendUint64(append(b, kind), v)
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func (s *State) currentCluster() *cluster {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.cluster
}

// ClusterID returns the cluster's name, empty before the first InitCluster.
func (s *State) ClusterID() string { return s.currentCluster().id }

// MinVersion returns the command version that the cluster may use, at least 1.
func (s *State) MinVersion() uint32 { return s.currentCluster().minVersion }

// Members returns copies of the members' records, ordered by id.
func (s *State) Members() []*pb.Member {
	c := s.currentCluster()
	members := make([]*pb.Member, len(c.members))
	for i, m := range c.members {
		members[i] = proto.CloneOf(m)
	}
	return members
}

// Member returns a copy of one member's record.
func (s *State) Member(id string) (*pb.Member, bool) {
	c := s.currentCluster()
	at, found := c.find(id)
	if !found {
		return nil, false
	}
	return proto.CloneOf(c.members[at]), true
}

// Removed reports whether the incarnation was removed for good, as far as the
// last 1,024 such removals tell.
func (s *State) Removed(incarnation uint64) bool {
	return s.currentCluster().isRemoved(incarnation)
}
