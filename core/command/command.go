package command

import pb "github.com/forkbikash/keyval/core/command/commandpb"

// Put is a mutation that sets key to value.
func Put(key, value []byte) *pb.Mutation {
	if value == nil {
		value = []byte{}
	}
	return &pb.Mutation{Key: key, Action: &pb.Mutation_Put{Put: value}}
}

// Delete is a mutation that removes key.
func Delete(key []byte) *pb.Mutation {
	return &pb.Mutation{Key: key, Action: &pb.Mutation_Delete{Delete: &pb.Delete{}}}
}

// Write is a command that applies mutations atomically, at one revision.
func Write(mutations ...*pb.Mutation) *pb.Command {
	return &pb.Command{Op: &pb.Command_Write{Write: &pb.Write{Mutations: mutations}}}
}

// Noop is a command that changes nothing.
func Noop() *pb.Command {
	return &pb.Command{Op: &pb.Command_Noop{Noop: &pb.Noop{}}}
}

// InitCluster is a command that names the cluster.
func InitCluster(id string) *pb.Command {
	return &pb.Command{Op: &pb.Command_InitCluster{InitCluster: &pb.InitCluster{ClusterId: id}}}
}

// SetMember is a command that records m.
func SetMember(m *pb.Member) *pb.Command {
	return &pb.Command{Op: &pb.Command_SetMember{SetMember: &pb.SetMember{Member: m}}}
}

// RemoveMember is a command that forgets the member id, if it still has that
// incarnation; 0 matches any. With tombstone, the incarnation cannot return.
func RemoveMember(id string, incarnation uint64, tombstone bool) *pb.Command {
	return &pb.Command{Op: &pb.Command_RemoveMember{RemoveMember: &pb.RemoveMember{
		Id: id, Incarnation: incarnation, Tombstone: tombstone,
	}}}
}

// SetMinVersion is a command that raises the cluster's command version.
func SetMinVersion(v uint32) *pb.Command {
	return &pb.Command{Op: &pb.Command_SetMinVersion{SetMinVersion: &pb.SetMinVersion{Version: v}}}
}
