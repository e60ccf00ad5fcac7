package command

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	pb "github.com/forkbikash/keyval/core/command/commandpb"
)

// known is false for what version 1 never writes: an operation or, at any depth,
// a field that this build does not know means that a newer release wrote the
// command. Writes are most of what there is, so they are looked through without
// reflection.
func known(c *pb.Command) bool {
	if c.GetSessionId() != 0 || c.GetRequestId() != 0 {
		return false
	}
	switch op := c.GetOp().(type) {
	case nil:
		return false
	case *pb.Command_Write:
		return !hasUnknown(c) && knownWrite(op.Write)
	default:
		return !HasUnknown(c)
	}
}

func knownWrite(w *pb.Write) bool {
	for _, m := range w.GetMutations() {
		switch action := m.GetAction().(type) {
		case *pb.Mutation_Put:
		case *pb.Mutation_Delete:
			if hasUnknown(action.Delete) {
				return false
			}
		default:
			return false
		}
		if hasUnknown(m) {
			return false
		}
	}
	return !hasUnknown(w)
}

// HasUnknown reports whether m holds, at any depth, a field that this build does
// not know.
func HasUnknown(m proto.Message) bool {
	return holdsUnknown(m.ProtoReflect())
}

func hasUnknown(m proto.Message) bool {
	return len(m.ProtoReflect().GetUnknown()) > 0
}

func holdsUnknown(m protoreflect.Message) bool {
	found := len(m.GetUnknown()) > 0
	m.Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case found || field.Message() == nil || field.IsMap():
		case field.IsList():
			for i := range v.List().Len() {
				found = found || holdsUnknown(v.List().Get(i).Message())
			}
		default:
			found = holdsUnknown(v.Message())
		}
		return !found
	})
	return found
}
