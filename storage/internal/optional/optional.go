// Package optional gives a wrapper the optional interfaces of hashicorp/raft
// that the store it wraps has, and no others.
package optional

import (
	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
)

// Forward returns wrapper, with IsMonotonic when inner has it; at v1.7.3 that is
// the only optional interface. A method that is always there and sometimes
// answers false would not do: having it is what Raft asks about.
func Forward(wrapper, inner storage.Store) storage.Store {
	if m, ok := inner.(raft.MonotonicLogStore); ok {
		return &monotonic{Store: wrapper, inner: m}
	}
	return wrapper
}

type monotonic struct {
	storage.Store
	inner raft.MonotonicLogStore
}

func (m *monotonic) IsMonotonic() bool { return m.inner.IsMonotonic() }

// IsMonotonic says whether s refuses a log with gaps.
func IsMonotonic(s storage.Store) bool {
	m, ok := s.(raft.MonotonicLogStore)
	return ok && m.IsMonotonic()
}
