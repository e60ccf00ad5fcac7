package node

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// MemorySnapshots keeps the newest snapshot in memory, for nodes that leave no
// trace. A snapshot is there once it is whole, that is, once its sink was closed;
// raft.InmemSnapshotStore shows one that is still being written. The zero value
// is empty and ready. It is safe for concurrent use.
type MemorySnapshots struct {
	mu     sync.Mutex
	newest *memorySnapshot
}

type memorySnapshot struct {
	meta raft.SnapshotMeta
	data []byte // never changed
}

var (
	_ raft.SnapshotStore = (*MemorySnapshots)(nil)
	_ raft.SnapshotSink  = (*memorySink)(nil)
)

// Create begins a snapshot.
func (s *MemorySnapshots) Create(version raft.SnapshotVersion, index, term uint64, configuration raft.Configuration,
	configurationIndex uint64, _ raft.Transport,
) (raft.SnapshotSink, error) {
	return &memorySink{store: s, meta: raft.SnapshotMeta{
		Version: version, ID: fmt.Sprintf("%d-%d-%d", term, index, time.Now().UnixMilli()), Index: index, Term: term,
		Configuration: configuration, ConfigurationIndex: configurationIndex,
	}}, nil
}

// List returns the newest snapshot, if there is one.
func (s *MemorySnapshots) List() ([]*raft.SnapshotMeta, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.newest == nil {
		return nil, nil
	}
	meta := s.newest.meta
	return []*raft.SnapshotMeta{&meta}, nil
}

// Open returns the snapshot with that id, as long as it is the newest.
func (s *MemorySnapshots) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.newest == nil || s.newest.meta.ID != id {
		return nil, nil, fmt.Errorf("there is no snapshot %s any more", id)
	}
	meta := s.newest.meta
	return &meta, io.NopCloser(bytes.NewReader(s.newest.data)), nil
}

// publish makes m the newest snapshot, unless a newer one came first.
func (s *MemorySnapshots) publish(m *memorySnapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.newest != nil && s.newest.meta.Index > m.meta.Index {
		return
	}
	s.newest = m
}

// memorySink is a snapshot that is being written, by one goroutine.
type memorySink struct {
	store *MemorySnapshots
	meta  raft.SnapshotMeta
	buf   bytes.Buffer
	over  bool
}

func (s *memorySink) ID() string { return s.meta.ID }

func (s *memorySink) Write(p []byte) (int, error) {
	if s.over {
		return 0, fmt.Errorf("snapshot %s is closed", s.meta.ID)
	}
	return s.buf.Write(p)
}

// Close publishes the snapshot, unless it was cancelled.
func (s *memorySink) Close() error {
	if s.over {
		return nil
	}
	s.over = true
	s.meta.Size = int64(s.buf.Len())
	s.store.publish(&memorySnapshot{s.meta, s.buf.Bytes()})
	return nil
}

// Cancel drops the snapshot, unless it was published.
func (s *memorySink) Cancel() error {
	s.over = true
	return nil
}
