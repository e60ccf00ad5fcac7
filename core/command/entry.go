package command

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	pb "github.com/forkbikash/keyval/core/command/commandpb"
)

// Version is the newest entry version that this build reads and writes.
const Version = 1

var (
	// ErrUnknownVersion says that an entry, or a command in it, was written by a
	// newer release. The node must stop: to skip it would make replicas differ.
	ErrUnknownVersion = errors.New("log entry was written by a newer version of keyval: upgrade this node")

	// ErrCorrupt says that an entry is not one that keyval wrote.
	ErrCorrupt = errors.New("log entry is not a keyval command")
)

// Marshal encodes one command, ready for [AppendEntry].
func Marshal(c *pb.Command) ([]byte, error) {
	return proto.Marshal(c)
}

// AppendEntry appends to dst the entry that holds the marshalled commands, in
// order, and returns the extended buffer.
func AppendEntry(dst []byte, commands ...[]byte) []byte {
	dst = append(dst, Version)
	for _, c := range commands {
		dst = protowire.AppendTag(dst, 1, protowire.BytesType)
		dst = protowire.AppendBytes(dst, c)
	}
	return dst
}

// EntrySize is the number of bytes that a marshalled command of size n adds to
// an entry.
func EntrySize(n int) int {
	return protowire.SizeTag(1) + protowire.SizeBytes(n)
}

// Decode reads an entry. Its errors wrap [ErrUnknownVersion] or [ErrCorrupt].
// The commands share no memory with b.
func Decode(b []byte) ([]*pb.Command, error) {
	if len(b) == 0 {
		return nil, fmt.Errorf("%w: it is empty", ErrCorrupt)
	}
	if b[0] != Version {
		return nil, fmt.Errorf("%w (entry version %d, this build knows up to %d)", ErrUnknownVersion, b[0], Version)
	}
	var e pb.Entry
	if err := proto.Unmarshal(b[1:], &e); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrCorrupt, err)
	}
	if len(e.ProtoReflect().GetUnknown()) > 0 {
		return nil, ErrUnknownVersion
	}
	for i, c := range e.GetCommands() {
		if !known(c) {
			return nil, fmt.Errorf("command %d of %d: %w", i+1, len(e.GetCommands()), ErrUnknownVersion)
		}
	}
	return e.GetCommands(), nil
}
