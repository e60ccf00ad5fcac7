package storagetest

import (
	"testing"

	"github.com/forkbikash/keyval/storage"
)

// The operations of every case go on for as long as they are asked for, and
// leave a log without gaps.
func TestBenchCases(t *testing.T) {
	for _, c := range benchCases(100) {
		t.Run(c.name, func(t *testing.T) {
			sh := newShelf()
			open := func(dir string, o storage.Options) (storage.Store, error) {
				s, err := sh.open(dir, o)
				if err != nil {
					return nil, err
				}
				return contiguous{s.(*session)}, nil
			}
			r := &runner{open: open, dir: t.TempDir()}
			if err := r.reopen(); err != nil {
				t.Fatal(err)
			}
			if err := c.prepare(r); err != nil {
				t.Fatal(err)
			}
			for i := range 250 {
				if _, err := c.op(r); err != nil {
					t.Fatalf("operation %d: %v", i, err)
				}
			}
			if first, last := sh.disks[r.dir].ends(); last-first > 1<<17 {
				t.Errorf("the log has grown: it is from %d to %d", first, last)
			}
			if err := r.close(); err != nil {
				t.Error(err)
			}
		})
	}
}
