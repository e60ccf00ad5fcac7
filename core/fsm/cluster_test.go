package fsm

import (
	"errors"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/forkbikash/keyval/core/command"
	pb "github.com/forkbikash/keyval/core/command/commandpb"
)

// applied is a state after commands that must succeed.
func applied(t testing.TB, commands ...*pb.Command) *State {
	t.Helper()
	s := New()
	applyAll(t, s, commands...)
	return s
}

func applyAll(t testing.TB, s *State, commands ...*pb.Command) {
	t.Helper()
	index, term := s.Index()
	for i, r := range s.Apply(index+1, term, commands) {
		if r.Err != nil {
			t.Fatalf("command %d, %v: %v", i, commands[i], r.Err)
		}
	}
}

func member(id string, incarnation uint64, version uint32) *pb.Member {
	return &pb.Member{Id: id, RaftAddr: id + ":12000", HttpAddr: id + ":11000", Incarnation: incarnation, LogStore: "bolt", CommandVersion: version, Transport: "tcp"}
}

func TestClusterRefuses(t *testing.T) {
	base := []*pb.Command{
		command.InitCluster("one"),
		command.SetMember(member("node0", 10, 3)),
		command.SetMember(member("node1", 11, 2)),
		command.SetMember(member("gone", 12, 2)),
		command.RemoveMember("gone", 12, true),
		command.SetMinVersion(2),
	}
	for _, test := range []struct {
		name string
		c    *pb.Command
		want error
	}{
		{"the same cluster id again", command.InitCluster("one"), nil},
		{"another cluster id", command.InitCluster("two"), ErrOtherCluster},
		{"no cluster id", command.InitCluster(""), ErrOtherCluster},
		{"a member without id", command.SetMember(&pb.Member{Incarnation: 1, CommandVersion: 2}), ErrNoMemberID},
		{"no member at all", command.SetMember(nil), ErrNoMemberID},
		{"a removed incarnation", command.SetMember(member("gone", 12, 2)), ErrRemoved},
		{"a removed incarnation by another name", command.SetMember(member("new", 12, 2)), ErrRemoved},
		{"a new incarnation of a removed member", command.SetMember(member("gone", 13, 2)), nil},
		{"a member too old", command.SetMember(member("node2", 14, 1)), ErrMemberTooOld},
		{"a member of unknown version", command.SetMember(member("node2", 14, 0)), ErrMemberTooOld},
		{"the same minimum", command.SetMinVersion(2), nil},
		{"a lower minimum", command.SetMinVersion(1), ErrMinVersion},
		{"a minimum of 0", command.SetMinVersion(0), ErrMinVersion},
		{"a minimum above a member", command.SetMinVersion(3), ErrMemberTooOld},
		{"the removal of nobody", command.RemoveMember("nobody", 0, true), nil},
		{"an empty command", &pb.Command{}, ErrUnknownCommand},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := applied(t, base...)
			before := s.Summary()
			r := s.Apply(before.Index+1, 0, []*pb.Command{test.c})[0]
			if !errors.Is(r.Err, test.want) {
				t.Fatalf("got %v, want %v", r.Err, test.want)
			}
			if r.Revision != before.Revision || r.Deleted != 0 {
				t.Errorf("got %+v, want revision %d and nothing deleted", r, before.Revision)
			}
			if after := s.Summary(); test.want != nil && after.Checksum != before.Checksum {
				t.Errorf("a refused command changed the state")
			}
		})
	}
}

func TestRemoveMember(t *testing.T) {
	for _, test := range []struct {
		name          string
		c             *pb.Command
		stays, buried bool
	}{
		{"its incarnation", command.RemoveMember("node0", 10, true), false, true},
		{"whatever incarnation", command.RemoveMember("node0", 0, true), false, true},
		{"without tombstone", command.RemoveMember("node0", 10, false), false, false},
		{"an earlier incarnation", command.RemoveMember("node0", 9, false), true, false},
		{"somebody else", command.RemoveMember("node1", 0, true), true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := applied(t, command.SetMember(member("node0", 10, 1)), test.c)
			if _, stays := s.Member("node0"); stays != test.stays {
				t.Errorf("the member stays: %v, want %v", stays, test.stays)
			}
			if got := s.Removed(10); got != test.buried {
				t.Errorf("Removed is %v, want %v", got, test.buried)
			}
		})
	}
	// An incarnation that another has replaced can still be kept out.
	s := applied(t, command.SetMember(member("node0", 10, 1)), command.RemoveMember("node0", 9, true))
	if _, stays := s.Member("node0"); !stays || !s.Removed(9) || s.Removed(10) {
		t.Errorf("member stays: %v; removed: 9 %v, 10 %v", stays, s.Removed(9), s.Removed(10))
	}
	// The incarnation of a node that has none is not a tombstone for all such.
	s = applied(t, command.SetMember(member("node0", 0, 1)), command.RemoveMember("node0", 0, true))
	if s.Removed(0) || len(s.cluster.removed) != 0 {
		t.Error("incarnation 0 has a tombstone")
	}
}

func TestTombstonesAreBounded(t *testing.T) {
	s := New()
	for i := range uint64(maxRemoved + 10) {
		applyAll(t, s, command.RemoveMember("node", i+1, true))
	}
	for _, test := range []struct {
		incarnation uint64
		want        bool
	}{{1, false}, {10, false}, {11, true}, {maxRemoved + 10, true}} {
		if got := s.Removed(test.incarnation); got != test.want {
			t.Errorf("Removed(%d) is %v, want %v", test.incarnation, got, test.want)
		}
	}
	sn := s.Snapshot()
	defer sn.Release()
	if got := writeAndRestore(t, sn).Summary(); got != s.Summary() {
		t.Errorf("restored %+v, want %+v", got, s.Summary())
	}
}

func TestMinVersionNeedsAMember(t *testing.T) {
	s := New()
	if got := s.MinVersion(); got != 1 {
		t.Errorf("the first minimum is %d, want 1", got)
	}
	if r := s.Apply(1, 1, []*pb.Command{command.SetMinVersion(2)})[0]; !errors.Is(r.Err, ErrMinVersion) {
		t.Errorf("without members, a minimum of 2 gave %v", r.Err)
	}
	applyAll(t, s, command.SetMember(member("node0", 1, 2)), command.SetMinVersion(2))
	if got := s.MinVersion(); got != 2 {
		t.Errorf("the minimum is %d, want 2", got)
	}
}

func TestMembersAreCopies(t *testing.T) {
	m := member("node0", 1, 1)
	s := applied(t, command.SetMember(m))
	before := s.Summary()
	m.RaftAddr = "changed by the proposer"
	s.Members()[0].RaftAddr = "changed by a reader"
	got, _ := s.Member("node0")
	got.RaftAddr = "changed by another"
	if got, _ := s.Member("node0"); !proto.Equal(got, member("node0", 1, 1)) {
		t.Errorf("the member is now %v", got)
	}
	if _, found := s.Member("node1"); found {
		t.Error("a member that was never set is found")
	}
	if s.Summary() != before {
		t.Error("the summary changed")
	}
}

// Every field of a member counts, also one that is added later.
func TestChecksumCoversEveryMemberField(t *testing.T) {
	seen := map[uint64]protoreflect.Name{applied(t, command.SetMember(&pb.Member{Id: "x"})).Summary().Checksum: "id alone"}
	fields := (&pb.Member{}).ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		m := &pb.Member{Id: "x"}
		f := fields.Get(i)
		switch f.Kind() {
		case protoreflect.StringKind:
			m.ProtoReflect().Set(f, protoreflect.ValueOfString("y"))
		case protoreflect.BoolKind:
			m.ProtoReflect().Set(f, protoreflect.ValueOfBool(true))
		case protoreflect.Uint32Kind:
			m.ProtoReflect().Set(f, protoreflect.ValueOfUint32(9))
		case protoreflect.Uint64Kind:
			m.ProtoReflect().Set(f, protoreflect.ValueOfUint64(9))
		default:
			t.Fatalf("the field %s has a kind that no test makes", f.Name())
		}
		sum := applied(t, command.SetMember(m)).Summary().Checksum
		if other, taken := seen[sum]; taken {
			t.Errorf("a change of %s has the checksum of %s", f.Name(), other)
		}
		seen[sum] = f.Name()
	}
}
