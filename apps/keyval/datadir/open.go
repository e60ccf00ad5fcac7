package datadir

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

// Options say which node the directory is opened for.
type Options struct {
	// NodeID is the id that was asked for. Empty takes the marker's, or
	// DefaultNodeID in a new directory.
	NodeID        string
	DefaultNodeID string

	// LogStore is the log store that was asked for. Empty takes the marker's, or
	// DefaultLogStore in a new directory.
	LogStore        string
	DefaultLogStore string

	// Guard is what the log store of a new directory wears; empty means "on". One
	// that is there keeps its own until SetGuard.
	Guard string

	// HasState says whether the log store and the snapshots of m hold any Raft
	// state. It is asked, before Open returns, only when another node id or log
	// store is wanted than the one in the marker and there are files of m's. Nil
	// takes any such file for state.
	HasState func(m Marker, logDir, snapshotBase string) (bool, error)
}

// Open makes dir the running process's alone, and creates it if need be. Close
// gives it back, and Discard undoes it. An error leaves dir as it was.
func Open(dir string, o Options) (*Dir, error) {
	d, err := at(dir)
	if err != nil {
		return nil, err
	}
	if err := d.open(o); err != nil {
		return nil, errors.Join(err, d.Discard())
	}
	return d, nil
}

func at(dir string) (*Dir, error) {
	path, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("data directory %s: %w", dir, err)
	}
	return &Dir{path: path}, nil
}

func (d *Dir) open(o Options) error {
	if err := d.create(); err != nil {
		return err
	}
	// Looked at before the lock file is made, so that nothing is left behind in a
	// directory that is not ours.
	if err := d.checkContents(); err != nil {
		return err
	}
	if err := d.acquire(); err != nil {
		return err
	}
	return d.load(o)
}

func (d *Dir) create() error {
	info, err := os.Stat(d.path)
	switch {
	case err == nil && !info.IsDir():
		return fmt.Errorf("%s is a file: name a directory", d.path)
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		d.made.dirs, err = mkdirAllSync(d.path)
	}
	if err != nil {
		return d.explain("cannot create", err)
	}
	return nil
}

// acquire takes the lock, at once or not at all.
func (d *Dir) acquire() error {
	// Some network file systems lock only files that are open for writing.
	name := d.file(lockName)
	_, missing := os.Stat(name)
	lock := flock.New(name, flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o600))
	held, err := lock.TryLock()
	if err != nil {
		return d.explain("cannot lock", err)
	}
	if held && !isAt(lock, name) {
		err, held = lock.Close(), false // the other one has just discarded the directory
	}
	if !held {
		return errors.Join(d.inUse(), err)
	}
	d.lock = lock
	d.made.lock = errors.Is(missing, fs.ErrNotExist)
	return nil
}

// isAt says whether the file of that name is the one that was locked.
func isAt(lock *flock.Flock, name string) bool {
	locked, err := lock.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(name)
	return err == nil && os.SameFile(locked, there)
}

// load reads the marker, or writes that of a new directory.
func (d *Dir) load(o Options) error {
	if err := os.Remove(d.file(markerName + tempSuffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return d.explain("cannot clean up", err)
	}
	b, err := os.ReadFile(d.file(markerName))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		// The other process may have been a program of another kind.
		if err := d.checkNew(); err != nil {
			return err
		}
		d.made.marker = true
		err = d.initialize(o)
	case err != nil:
		return d.explain("cannot read", err)
	default:
		err = d.adopt(b, o)
	}
	if err != nil {
		return err
	}
	return d.makeDir(d.Marker().logDir())
}

func (d *Dir) initialize(o Options) error {
	m := Marker{
		NodeID:   cmp.Or(o.NodeID, o.DefaultNodeID),
		LogStore: cmp.Or(o.LogStore, o.DefaultLogStore),
		Guard:    cmp.Or(o.Guard, "on"),
	}
	var err error
	if m.Incarnation, err = newIncarnation(); err != nil {
		return err
	}
	return d.store(m)
}

// adopt takes the directory as the marker b describes it, as far as o lets it.
func (d *Dir) adopt(b []byte, o Options) error {
	m, err := d.understand(b)
	if err != nil {
		return err
	}
	d.marker = m
	want := m
	want.NodeID = cmp.Or(o.NodeID, m.NodeID)
	want.LogStore = cmp.Or(o.LogStore, m.LogStore)
	if want == m {
		return nil
	}
	stateful, err := d.hasState(o)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", d.path, err)
	case !stateful:
		return d.become(want)
	case want.NodeID != m.NodeID:
		return fmt.Errorf("%s belongs to node %s: start it with -id=%s or without -id, or use an empty directory for %s",
			d.path, m.NodeID, m.NodeID, want.NodeID)
	default:
		return fmt.Errorf("%s was made with -log-store=%s: start without -log-store, or move its log with keyval log migrate -to %s %s",
			d.path, m.LogStore, want.LogStore, d.path)
	}
}

// understand is the marker that b holds.
func (d *Dir) understand(b []byte) (Marker, error) {
	m, err := decodeMarker(b)
	if errors.Is(err, ErrNewerFormat) {
		return Marker{}, fmt.Errorf("%s: %w", d.file(markerName), err)
	}
	if err != nil {
		return Marker{}, fmt.Errorf("%s cannot be read and says whose directory this is: restore it, or join again with an empty directory: %w",
			d.file(markerName), err)
	}
	return m, nil
}

// become makes the directory, which holds no Raft state, that of want.
func (d *Dir) become(want Marker) error {
	if want.LogStore != d.marker.LogStore {
		// What an empty store left would confuse the next.
		if err := os.RemoveAll(d.LogDir()); err != nil {
			return d.explain("cannot clear the log of", err)
		}
	}
	if want.NodeID != d.marker.NodeID {
		var err error
		if want.Incarnation, err = newIncarnation(); err != nil {
			return err
		}
	}
	return d.store(want)
}

// hasState says whether the directory is bound to its node and log store. A
// member is, even when its log is gone: it may have voted.
func (d *Dir) hasState(o Options) (bool, error) {
	if d.marker.Member {
		return true, nil
	}
	files, err := anyFile(d.LogDir(), d.file(snapshotsName))
	if err != nil || !files || o.HasState == nil {
		return files, err
	}
	return o.HasState(d.marker, d.LogDir(), d.SnapshotBase())
}

func (d *Dir) makeDir(name string) error {
	err := os.Mkdir(d.file(name), 0o700)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err == nil {
		err = syncDir(d.path)
	}
	if err != nil {
		return d.explain("cannot write to", err)
	}
	return nil
}
