package datadir

import (
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"

	"github.com/gofrs/flock"
)

var (
	// ErrClosed is what a change of the marker answers after Close.
	ErrClosed = errors.New("the data directory is closed")

	// ErrReadOnly is what it answers when the directory was opened for reading.
	ErrReadOnly = errors.New("the data directory is open for reading only")
)

// Dir is a data directory that this process holds. Its methods may be called
// from several goroutines; those that change the marker return once the change
// is durable.
type Dir struct {
	path     string
	made     traces
	readOnly bool

	mu     sync.Mutex
	lock   *flock.Flock // nil once closed
	marker Marker
}

// Path is the directory's absolute path.
func (d *Dir) Path() string { return d.path }

// LogDir is the log store's own directory, the one that the marker names. It
// exists.
func (d *Dir) LogDir() string { return d.file(d.Marker().logDir()) }

// ShadowDir is where a log store that is tried beside the one in use may keep
// its files. Nothing that the node needs is there; it need not exist.
func (d *Dir) ShadowDir() string { return d.file(shadowName) }

// SnapshotBase is what raft.NewFileSnapshotStore takes as its base.
func (d *Dir) SnapshotBase() string { return d.path }

// Marker says whose the directory is.
func (d *Dir) Marker() Marker {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.marker
}

// SetCluster notes the cluster that the node belongs to. A member of one
// cluster is never made one of another.
func (d *Dir) SetCluster(id string) error {
	return d.change(func(m *Marker) error {
		if m.Member && m.ClusterID != id {
			return fmt.Errorf("%s belongs to cluster %s, not %s: use an empty directory to join another cluster",
				d.path, m.ClusterID, id)
		}
		m.ClusterID = id
		return nil
	})
}

// SetMember notes whether the node is a member of its cluster, which must be
// set.
func (d *Dir) SetMember(member bool) error {
	return d.change(func(m *Marker) error {
		if member && m.ClusterID == "" {
			return fmt.Errorf("%s: a member needs a cluster id", d.path)
		}
		m.Member = member
		m.Joining = m.Joining && !member
		return nil
	})
}

// SetGuard notes what the log store wears: on, strict or off.
func (d *Dir) SetGuard(guard string) error {
	return d.change(func(m *Marker) error {
		if !knownGuard(guard) {
			return fmt.Errorf("%s: guard %q is not on, strict or off", d.path, guard)
		}
		m.Guard = guard
		return nil
	})
}

// Renew makes the directory that of a node that nobody has met and that is about
// to join a cluster: it draws a new incarnation and is no member. A nodeID other than "" renames the node; the
// caller has then seen that there is no Raft state, whose votes are the old
// node's.
func (d *Dir) Renew(nodeID string) error {
	inc, err := newIncarnation()
	if err != nil {
		return err
	}
	return d.change(func(m *Marker) error {
		if m.Member && nodeID != "" && nodeID != m.NodeID {
			return fmt.Errorf("%s belongs to node %s, a member: use an empty directory for %s", d.path, m.NodeID, nodeID)
		}
		m.NodeID = cmp.Or(nodeID, m.NodeID)
		m.Incarnation = inc
		m.Member = false
		m.Joining = true
		return nil
	})
}

// Close gives the directory back. It is safe to call twice.
func (d *Dir) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lock == nil {
		return nil
	}
	err := d.lock.Close()
	d.lock = nil
	if err != nil {
		return fmt.Errorf("%s: unlock: %w", d.path, err)
	}
	return nil
}

// change applies f to a copy of the marker and stores it.
func (d *Dir) change(f func(*Marker) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.readOnly {
		return ErrReadOnly
	}
	if d.lock == nil {
		return ErrClosed
	}
	m := d.marker
	if err := f(&m); err != nil {
		return err
	}
	if m == d.marker {
		return nil
	}
	return d.store(m)
}

// store makes m the marker, in the file and then in memory.
func (d *Dir) store(m Marker) error {
	if err := writeFileSync(d.file(markerName), encodeMarker(m)); err != nil {
		return d.explain("cannot write to", err)
	}
	d.marker = m
	return nil
}

func (d *Dir) file(name string) string { return filepath.Join(d.path, name) }

// explain says what could not be done with the directory, and the usual fix.
func (d *Dir) explain(what string, err error) error {
	// The operating system's errors repeat the path, which makes the line hard
	// to read.
	if p := (*fs.PathError)(nil); errors.As(err, &p) && p.Path == d.path {
		err = p.Err
	}
	fix := ""
	if errors.Is(err, fs.ErrPermission) {
		fix = ": give it to the user that runs keyval, or use another directory"
	}
	return fmt.Errorf("%s %s: %w%s", what, d.path, err, fix)
}

func newIncarnation() (uint64, error) {
	for {
		var b [8]byte
		if _, err := rand.Read(b[:]); err != nil {
			return 0, fmt.Errorf("draw an incarnation: %w", err)
		}
		if inc := binary.BigEndian.Uint64(b[:]); inc != 0 {
			return inc, nil
		}
	}
}
