package fsm

import (
	"github.com/cespare/xxhash/v2"

	pb "github.com/forkbikash/keyval/core/command/commandpb"
)

const (
	maxKey   = 1<<16 - 1
	maxValue = 64 << 20
)

// write applies mutations atomically, in order, at one revision. It consumes
// the revision only when something changed.
func (s *State) write(mutations []*pb.Mutation) (deleted uint64, err error) {
	for _, m := range mutations {
		if err := checkMutation(m); err != nil {
			return 0, err
		}
	}
	revision, changed := s.revision+1, false
	for _, m := range mutations {
		if put, ok := m.Action.(*pb.Mutation_Put); ok {
			s.put(m.Key, put.Put, revision)
			changed = true
		} else if s.delete(m.Key, revision) {
			deleted++
			changed = true
		}
	}
	if changed {
		s.revision = revision
	}
	return deleted, nil
}

func checkMutation(m *pb.Mutation) error {
	switch {
	case len(m.GetKey()) == 0:
		return ErrEmptyKey
	case m.Action == nil:
		return ErrUnknownCommand
	case len(m.Key) > maxKey || len(m.GetPut()) > maxValue:
		return ErrTooLarge
	}
	return nil
}

func (s *State) put(key, value []byte, revision uint64) {
	h := s.space.table.hash(key)
	at, ok := s.space.table.find(h, key)
	if !ok {
		rec := newRecord(key, revision, revision, 1, value)
		s.space.insert(h, rec)
		s.added(rec)
		return
	}
	create, version := revision, uint64(0)
	if rec := s.space.entry(at).rec; rec.live() {
		f := rec.fields()
		create, version = f.create, f.version
		s.dropped(rec)
	}
	rec := newRecord(key, create, revision, version+1, value)
	s.supersede(at, rec)
	s.added(rec)
}

// delete reports whether the key existed.
func (s *State) delete(key []byte, revision uint64) bool {
	at, ok := s.space.table.find(s.space.table.hash(key), key)
	if !ok {
		return false
	}
	rec := s.space.entry(at).rec
	if !rec.live() {
		return false
	}
	s.dropped(rec)
	s.supersede(at, newRecord(key, 0, revision, 0, nil))
	s.collect(at)
	return true
}

func (s *State) added(rec record) {
	s.keys++
	s.sum += xxhash.Sum64String(string(rec))
}

func (s *State) dropped(rec record) {
	s.keys--
	s.sum -= xxhash.Sum64String(string(rec))
}

// keyValue is a live record as readers get it.
func (r record) keyValue() KeyValue {
	f := r.fields()
	return KeyValue{
		Key: r.key(), Value: bytesOf(f.value),
		CreateRevision: f.create, ModRevision: f.mod, Version: f.version,
	}
}
