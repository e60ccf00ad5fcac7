package fsm

import (
	"sync"

	"github.com/cespare/xxhash/v2"

	pb "github.com/forkbikash/keyval/core/command/commandpb"
)

// State is the replicated state. Its methods are safe for concurrent use;
// entries are applied one after the other, in the log's order.
type State struct {
	mu       sync.RWMutex
	index    uint64 // of the newest entry applied
	term     uint64
	revision uint64
	keys     uint64 // live ones
	sum      uint64 // of the live records' hashes
	space    *keyspace
	cluster  *cluster // immutable, replaced by every change
	pins     []*pin   // ascending by revision
}

// New is the state before the first entry.
func New() *State {
	return &State{space: newKeyspace(), cluster: newCluster()}
}

// Result is one command's outcome.
type Result struct {
	// Revision of the change, or the newest one when nothing changed.
	Revision uint64
	// Deleted counts what the command removed: keys, or the member's record.
	Deleted uint64
	// Err is a refusal: one of the package's errors, perhaps wrapped.
	Err error
}

// KeyValue is a key at one version. Its key and value are the state's own
// memory, which never changes; they must not be written to.
type KeyValue struct {
	Key   string
	Value []byte
	// CreateRevision and ModRevision are the revisions that created the key and
	// that wrote this version; Version counts the writes since the creation.
	CreateRevision, ModRevision, Version uint64
}

// Summary is what replicas compare. Two with the same Index have the same
// everything, or one of them is wrong.
type Summary struct {
	Index, Term uint64 // of the newest entry applied
	Revision    uint64
	Keys        uint64
	Checksum    uint64 // over everything replicated
}

// Apply applies the commands of the log entry at index. Each succeeds or fails
// by itself; results[i] is the outcome of commands[i]. It keeps no reference to
// the commands.
func (s *State) Apply(index, term uint64, commands []*pb.Command) []Result {
	results := make([]Result, len(commands))
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, c := range commands {
		deleted, err := s.apply(c)
		results[i] = Result{Revision: s.revision, Deleted: deleted, Err: err}
	}
	s.index, s.term = index, term
	return results
}

// Advance records that the entry at index is applied, which has no commands: a
// configuration, for example.
func (s *State) Advance(index, term uint64) {
	s.mu.Lock()
	s.index, s.term = index, term
	s.mu.Unlock()
}

func (s *State) apply(c *pb.Command) (deleted uint64, err error) {
	switch op := c.GetOp().(type) {
	case *pb.Command_Write:
		return s.write(op.Write.GetMutations())
	case *pb.Command_Noop:
		return 0, nil
	case *pb.Command_InitCluster:
		err = s.changeCluster(s.cluster.withID(op.InitCluster.GetClusterId()))
	case *pb.Command_SetMember:
		err = s.changeCluster(s.cluster.withMember(op.SetMember.GetMember()))
	case *pb.Command_RemoveMember:
		before := len(s.cluster.members)
		err = s.changeCluster(s.cluster.withoutMember(op.RemoveMember), nil)
		deleted = uint64(before - len(s.cluster.members))
	case *pb.Command_SetMinVersion:
		err = s.changeCluster(s.cluster.withMinVersion(op.SetMinVersion.GetVersion()))
	default:
		err = ErrUnknownCommand
	}
	return deleted, err
}

func (s *State) changeCluster(c *cluster, err error) error {
	if err == nil {
		s.cluster = c
	}
	return err
}

// Get returns key's newest version and the state's revision at that moment.
func (s *State) Get(key []byte) (kv KeyValue, revision uint64, found bool) {
	h := s.space.table.hash(key)
	s.mu.RLock()
	revision = s.revision
	var rec record
	if at, ok := s.space.table.find(h, key); ok {
		rec = s.space.entry(at).rec
		found = rec.live()
	}
	s.mu.RUnlock()
	if !found {
		return KeyValue{}, revision, false
	}
	return rec.keyValue(), revision, true
}

// Index returns the newest entry applied.
func (s *State) Index() (index, term uint64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.index, s.term
}

// Revision returns the revision of the newest change.
func (s *State) Revision() uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.revision
}

// Keys returns the number of keys.
func (s *State) Keys() uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.keys
}

// Summary returns figures that belong together.
func (s *State) Summary() Summary {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.summary()
}

func (s *State) summary() Summary {
	return Summary{
		Index: s.index, Term: s.term, Revision: s.revision, Keys: s.keys,
		Checksum: checksum(s.revision, s.sum, s.cluster),
	}
}

// checksum is over everything replicated: equal states have equal ones. The
// live records' hashes are summed, so that a change to one key costs only that
// key; the rest is small and hashed whole.
func checksum(revision, sum uint64, c *cluster) uint64 {
	return sum + c.hash + xxhash.Sum64(appendFrame(nil, 'r', revision))
}
