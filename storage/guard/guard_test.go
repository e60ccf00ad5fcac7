package guard_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/guard"
	"github.com/forkbikash/keyval/storage/memstore"
	"github.com/forkbikash/keyval/storage/storagetest"
)

var errDisk = errors.New("disk on fire")

// failing answers every write with err while it is set, and counts them.
type failing struct {
	storage.Store
	err    error
	writes int
}

func (f *failing) write() error { f.writes++; return f.err }

func (f *failing) StoreLog(*raft.Log) error         { return f.write() }
func (f *failing) StoreLogs([]*raft.Log) error      { return f.write() }
func (f *failing) DeleteRange(uint64, uint64) error { return f.write() }
func (f *failing) Set([]byte, []byte) error         { return f.write() }
func (f *failing) SetUint64([]byte, uint64) error   { return f.write() }

var writes = map[string]func(storage.Store) error{
	"StoreLog":     func(s storage.Store) error { return s.StoreLog(&raft.Log{Index: 1}) },
	"StoreLogs":    func(s storage.Store) error { return s.StoreLogs([]*raft.Log{{Index: 1}}) },
	"DeleteRange":  func(s storage.Store) error { return s.DeleteRange(1, 1) },
	"Set":          func(s storage.Store) error { return s.Set([]byte("k"), nil) },
	"SetUint64":    func(s storage.Store) error { return s.SetUint64([]byte("k"), 1) },
	"LastVoteCand": func(s storage.Store) error { return s.Set([]byte("LastVoteCand"), []byte("B")) },
}

func TestFailStop(t *testing.T) {
	for name, first := range writes {
		t.Run(name, func(t *testing.T) {
			disk := &failing{Store: memstore.New(), err: errDisk}
			var reported []error
			s := guard.Wrap(disk, func(err error) { reported = append(reported, err) })
			if err := first(s); !errors.Is(err, errDisk) {
				t.Fatalf("got %v, want the error of the disk", err)
			}
			if len(reported) != 1 || !errors.Is(reported[0], errDisk) {
				t.Fatalf("got reports %v when the write returned, want one of the error of the disk", reported)
			}
			disk.err = nil // a disk that feels better is not to be believed
			disk.writes = 0
			for later, write := range writes {
				if err := write(s); !errors.Is(err, errDisk) {
					t.Errorf("%s afterwards: got %v, want an error that wraps the first", later, err)
				}
			}
			if err := s.SetUint64([]byte("LastVoteTerm"), 7); !errors.Is(err, errDisk) {
				t.Errorf("LastVoteTerm afterwards: got %v, want an error that wraps the first", err)
			}
			if disk.writes != 0 || len(reported) != 1 {
				t.Errorf("got %d writes to the disk and %d reports afterwards, want 0 and 1", disk.writes, len(reported))
			}
			if err := s.GetLog(1, new(raft.Log)); err != raft.ErrLogNotFound { //nolint:errorlint // Raft compares so
				t.Errorf("GetLog afterwards: got %v, want raft.ErrLogNotFound itself", err)
			}
		})
	}
}

func TestFailStopReportsOnceToMany(t *testing.T) {
	disk := &lockedDisk{Store: memstore.New()}
	var mu sync.Mutex
	reports := 0
	s := guard.Wrap(disk, func(error) {
		mu.Lock()
		defer mu.Unlock()
		reports++
	})
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			if err := s.StoreLog(&raft.Log{Index: 1}); !errors.Is(err, errDisk) {
				t.Errorf("got %v, want the error of the disk", err)
			}
			mu.Lock()
			defer mu.Unlock()
			if reports != 1 {
				t.Errorf("got %d reports when a write returned, want 1", reports)
			}
		})
	}
	all.Wait()
}

type lockedDisk struct{ storage.Store }

func (*lockedDisk) StoreLog(*raft.Log) error { return errDisk }

func TestOnFailMayUseTheStore(t *testing.T) {
	disk := &failing{Store: memstore.New(), err: errDisk}
	var s storage.Store
	s = guard.Wrap(disk, func(error) {
		if err := s.SetUint64([]byte("k"), 1); !errors.Is(err, errDisk) {
			t.Errorf("write from onFail: got %v, want an error that wraps the first", err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("close from onFail: %v", err)
		}
	})
	if err := s.StoreLog(&raft.Log{Index: 1}); !errors.Is(err, errDisk) {
		t.Errorf("got %v, want the error of the disk", err)
	}
}

func TestWriteAfterCloseIsNoFailure(t *testing.T) {
	s := guard.Wrap(memstore.New(), func(err error) { t.Errorf("reported: %v", err) })
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.StoreLog(&raft.Log{Index: 1}); err == nil {
		t.Error("got no error from a write after Close")
	}
}

func TestWrapForwardsWhatTheStoreHas(t *testing.T) {
	storagetest.RunWrapper(t, func(s storage.Store) storage.Store { return guard.Wrap(s, nil) })
}
