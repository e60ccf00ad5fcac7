package fsm

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"testing"

	"github.com/forkbikash/keyval/core/command"
)

// Readers and snapshots run beside a writer that keeps two keys equal at every
// revision.
func TestReadersBesideAWriter(t *testing.T) {
	s := New()
	stop := make(chan struct{})
	var readers sync.WaitGroup
	beside := func(work func() error) {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := work(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	last := uint64(0)
	beside(func() error {
		kv, revision, found := s.Get([]byte("left"))
		if revision < last || found && (kv.ModRevision > revision || string(kv.Value) != fmt.Sprint(kv.ModRevision)) {
			return fmt.Errorf("%+v at revision %d, after %d", kv, revision, last)
		}
		last = revision
		return nil
	})
	beside(func() error {
		sum := s.Summary()
		if sum.Revision < sum.Index || s.Revision() < sum.Revision {
			return fmt.Errorf("summary %+v does not fit together", sum)
		}
		s.Members()
		return nil
	})
	for range 2 {
		beside(func() error { return checkPinned(s) })
	}
	for i := range uint64(1500) {
		value := fmt.Append(nil, i+1)
		applyAll(t, s, command.Write(
			command.Put([]byte("left"), value), command.Put([]byte("right"), value),
			command.Put(fmt.Appendf(nil, "key%d", i%700), value), command.Delete(fmt.Appendf(nil, "key%d", (i+350)%700))),
			command.SetMember(member("node0", i, 1)))
	}
	close(stop)
	readers.Wait()
	checkDropped(t, s)
}

func checkPinned(s *State) error {
	sn := s.Snapshot()
	defer sn.Release()
	var b bytes.Buffer
	if _, err := sn.WriteTo(io.MultiWriter(&b, io.Discard)); err != nil {
		return err
	}
	restored, err := Restore(&b)
	if err != nil {
		return err
	}
	left, revision, _ := restored.Get([]byte("left"))
	right, _, _ := restored.Get([]byte("right"))
	if !bytes.Equal(left.Value, right.Value) || left.ModRevision != revision {
		return fmt.Errorf("at revision %d, left is %+v and right %+v", revision, left, right)
	}
	if got, want := restored.Summary(), sn.Summary(); got != want {
		return fmt.Errorf("restored %+v, pinned %+v", got, want)
	}
	return nil
}
