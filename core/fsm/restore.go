package fsm

import (
	"fmt"
	"io"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/forkbikash/keyval/core/command"
	"github.com/forkbikash/keyval/core/fsm/snapshotpb"
)

// Restore builds the state that a snapshot holds, to its last byte: r must end
// with it. The error wraps [ErrSnapshot] or [ErrSnapshotVersion], or r's own.
func Restore(r io.Reader) (*State, error) {
	b, err := newBlockReader(r)
	if err != nil {
		return nil, err
	}
	defer b.close()
	if err := b.magic(); err != nil {
		return nil, err
	}
	kind, raw, err := b.block()
	if err != nil {
		return nil, err
	}
	if kind != blockTop {
		return nil, b.damaged("it is of kind %q, not the header", kind)
	}
	s := New()
	if err := s.restoreHeader(b, raw); err != nil {
		return nil, err
	}
	for last := ""; ; {
		kind, raw, err := b.block()
		if err != nil {
			return nil, err
		}
		switch kind {
		case blockKeys:
			if last, err = s.restoreKeys(b, raw, last); err != nil {
				return nil, err
			}
		case blockTrailer:
			if err := s.checkTrailer(b, raw); err != nil {
				return nil, err
			}
			if err := b.end(); err != nil {
				return nil, err
			}
			return s, nil
		default:
			return nil, b.damaged("its kind %q is unknown", kind)
		}
	}
}

func (s *State) restoreHeader(b *blockReader, raw []byte) error {
	var h snapshotpb.Header
	if err := unmarshalKnown(raw, &h); err != nil {
		return b.damaged("%w", err)
	}
	s.index, s.term, s.revision = h.GetIndex(), h.GetTerm(), h.GetRevision()
	c := &cluster{id: h.GetClusterId(), minVersion: h.GetMinVersion(), removed: h.GetRemovedIncarnations()}
	for i, m := range h.GetMembers() {
		if m.GetId() == "" || i > 0 && m.GetId() <= c.members[i-1].GetId() {
			return b.damaged("its members are out of order")
		}
		c.members = append(c.members, m)
	}
	if c.minVersion == 0 || len(c.removed) > maxRemoved {
		return b.damaged("its settings are not possible")
	}
	s.cluster = c.hashed()
	return nil
}

// restoreKeys adds a block of keys, which ascend from last.
func (s *State) restoreKeys(b *blockReader, raw []byte, last string) (string, error) {
	err := eachField(raw, func(field protowire.Number, _ uint64, message []byte) error {
		if field != fieldKeys || message == nil {
			return errField
		}
		var k keyMessage
		if err := k.parse(message); err != nil {
			return err
		}
		if string(k.key) <= last {
			return fmt.Errorf("key %q is out of order", k.key)
		}
		if len(k.key) > maxKey || len(k.value) > maxValue {
			return ErrTooLarge
		}
		if k.create == 0 || k.create > k.mod || k.mod > s.revision || k.version == 0 {
			return fmt.Errorf("key %q has impossible revisions", k.key)
		}
		rec := newRecord(k.key, k.create, k.mod, k.version, k.value)
		s.space.insert(s.space.table.hash(k.key), rec)
		s.added(rec)
		last = rec.key()
		return nil
	})
	if err != nil {
		return "", b.damaged("%w", err)
	}
	return last, nil
}

func (s *State) checkTrailer(b *blockReader, raw []byte) error {
	var t snapshotpb.Trailer
	if err := unmarshalKnown(raw, &t); err != nil {
		return b.damaged("%w", err)
	}
	if got := s.summary(); got.Keys != t.GetKeys() || got.Checksum != t.GetChecksum() {
		return b.damaged("the state has %d keys and checksum %016x, not %d and %016x",
			got.Keys, got.Checksum, t.GetKeys(), t.GetChecksum())
	}
	return nil
}

// unmarshalKnown refuses a message that holds more than this release knows.
func unmarshalKnown(raw []byte, m proto.Message) error {
	if err := proto.Unmarshal(raw, m); err != nil {
		return err
	}
	if command.HasUnknown(m) {
		return errField
	}
	return nil
}
