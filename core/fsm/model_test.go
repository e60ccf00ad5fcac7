package fsm

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/forkbikash/keyval/core/command"
	pb "github.com/forkbikash/keyval/core/command/commandpb"
)

// model is the state as its documentation tells it, with nothing clever.
type model struct {
	index, term uint64
	revision    uint64
	keys        map[string]modelKey
	clusterID   string
	minVersion  uint32
	members     map[string]*pb.Member
	removed     []uint64
}

type modelKey struct {
	value                string
	create, mod, version uint64
}

func newModel() *model {
	return &model{keys: map[string]modelKey{}, minVersion: 1, members: map[string]*pb.Member{}}
}

func (m *model) clone() *model {
	n := *m
	n.keys, n.members, n.removed = maps.Clone(m.keys), maps.Clone(m.members), slices.Clone(m.removed)
	return &n
}

// apply returns the result, with refused instead of a particular error.
func (m *model) apply(c *pb.Command) (deleted uint64, refused bool) {
	switch op := c.GetOp().(type) {
	case *pb.Command_Write:
		return m.write(op.Write.GetMutations())
	case *pb.Command_Noop:
		return 0, false
	case *pb.Command_InitCluster:
		id := op.InitCluster.GetClusterId()
		if id == "" || m.clusterID != "" && m.clusterID != id {
			return 0, true
		}
		m.clusterID = id
	case *pb.Command_SetMember:
		member := op.SetMember.GetMember()
		if member.GetId() == "" || m.isRemoved(member.GetIncarnation()) || max(1, member.GetCommandVersion()) < m.minVersion {
			return 0, true
		}
		m.members[member.GetId()] = proto.CloneOf(member)
	case *pb.Command_RemoveMember:
		return m.removeMember(op.RemoveMember), false
	case *pb.Command_SetMinVersion:
		v := op.SetMinVersion.GetVersion()
		if v < m.minVersion || v > m.minVersion && len(m.members) == 0 {
			return 0, true
		}
		for _, member := range m.members {
			if v > max(1, member.GetCommandVersion()) {
				return 0, true
			}
		}
		m.minVersion = v
	default:
		return 0, true
	}
	return 0, false
}

func (m *model) write(mutations []*pb.Mutation) (deleted uint64, refused bool) {
	for _, mu := range mutations {
		if len(mu.GetKey()) == 0 || mu.GetAction() == nil {
			return 0, true
		}
	}
	revision, changed := m.revision+1, false
	for _, mu := range mutations {
		old, existed := m.keys[string(mu.GetKey())]
		if _, put := mu.GetAction().(*pb.Mutation_Put); put {
			if !existed {
				old.create = revision
			}
			m.keys[string(mu.GetKey())] = modelKey{string(mu.GetPut()), old.create, revision, old.version + 1}
			changed = true
		} else if existed {
			delete(m.keys, string(mu.GetKey()))
			deleted++
			changed = true
		}
	}
	if changed {
		m.revision = revision
	}
	return deleted, false
}

func (m *model) removeMember(r *pb.RemoveMember) (deleted uint64) {
	incarnation := r.GetIncarnation()
	member, found := m.members[r.GetId()]
	if found && incarnation == 0 {
		incarnation = member.GetIncarnation()
	}
	if found && member.GetIncarnation() == incarnation {
		delete(m.members, r.GetId())
		deleted = 1
	}
	if r.GetTombstone() && incarnation != 0 && !m.isRemoved(incarnation) {
		m.removed = append(m.removed, incarnation)
	}
	return deleted
}

func (m *model) isRemoved(incarnation uint64) bool {
	return incarnation != 0 && slices.Contains(m.removed, incarnation)
}

// differs says where a state is not what the model says.
func (m *model) differs(s *State) error {
	got := s.Summary()
	if got.Index != m.index || got.Term != m.term || got.Revision != m.revision || got.Keys != uint64(len(m.keys)) {
		return fmt.Errorf("summary is %+v, want index %d, term %d, revision %d, keys %d",
			got, m.index, m.term, m.revision, len(m.keys))
	}
	for _, key := range alphabet {
		kv, revision, found := s.Get([]byte(key))
		want, exists := m.keys[key]
		if revision != m.revision || found != exists {
			return fmt.Errorf("Get(%q) found %v at revision %d, want %v at %d", key, found, revision, exists, m.revision)
		}
		if found && (modelKey{string(kv.Value), kv.CreateRevision, kv.ModRevision, kv.Version} != want || kv.Key != key) {
			return fmt.Errorf("Get(%q) is %+v, want %+v", key, kv, want)
		}
	}
	want := slices.SortedFunc(maps.Values(m.members), func(a, b *pb.Member) int { return cmp.Compare(a.GetId(), b.GetId()) })
	if members := s.Members(); !slices.EqualFunc(members, want, func(a, b *pb.Member) bool { return proto.Equal(a, b) }) {
		return fmt.Errorf("members are %v, want %v", members, want)
	}
	if s.ClusterID() != m.clusterID || s.MinVersion() != m.minVersion {
		return fmt.Errorf("cluster is %q at command version %d, want %q at %d", s.ClusterID(), s.MinVersion(), m.clusterID, m.minVersion)
	}
	for incarnation := range uint64(maxIncarnation + 1) {
		if got, want := s.Removed(incarnation), m.isRemoved(incarnation); got != want {
			return fmt.Errorf("Removed(%d) is %v, want %v", incarnation, got, want)
		}
	}
	return nil
}

const maxIncarnation = 5

// alphabet has few keys, so that they meet often; some are prefixes of others.
var alphabet = []string{"a", "aa", "aab", "b", "b\x00", "\x00", "\xff", "\xff\xff", "user/1", "user/10", "user/2"}

var keys = rapid.Map(rapid.SampledFrom(alphabet), func(s string) []byte { return []byte(s) })

var mutations = rapid.Custom(func(t *rapid.T) *pb.Mutation {
	switch rapid.IntRange(0, 20).Draw(t, "mutation") {
	case 0:
		return command.Put(nil, []byte("no key"))
	case 1:
		return &pb.Mutation{Key: []byte("no action")}
	case 2, 3, 4, 5, 6:
		return command.Delete(keys.Draw(t, "key"))
	}
	return command.Put(keys.Draw(t, "key"), rapid.SliceOfN(rapid.Byte(), 0, 4).Draw(t, "value"))
})

var memberIDs = rapid.SampledFrom([]string{"", "node0", "node1", "node2"})

var commands = rapid.Custom(func(t *rapid.T) *pb.Command {
	incarnations := rapid.Uint64Range(0, maxIncarnation)
	switch rapid.IntRange(0, 19).Draw(t, "command") {
	case 0:
		return command.Noop()
	case 1:
		return &pb.Command{}
	case 2:
		return command.InitCluster(rapid.SampledFrom([]string{"", "one", "one", "two"}).Draw(t, "cluster"))
	case 3, 4:
		return command.SetMember(&pb.Member{
			Id: memberIDs.Draw(t, "member"), Incarnation: incarnations.Draw(t, "incarnation"),
			CommandVersion: rapid.Uint32Range(0, 4).Draw(t, "version"), Joining: rapid.Bool().Draw(t, "joining"),
			RaftAddr: rapid.StringN(0, 3, 9).Draw(t, "address"), HttpAddr: "h", LogStore: "bolt", Transport: "tcp",
		})
	case 5:
		return command.RemoveMember(memberIDs.Draw(t, "member"), incarnations.Draw(t, "incarnation"), rapid.Bool().Draw(t, "tombstone"))
	case 6:
		return command.SetMinVersion(rapid.Uint32Range(0, 4).Draw(t, "version"))
	}
	return command.Write(rapid.SliceOfN(mutations, 0, 5).Draw(t, "mutations")...)
})
