package storagetest

import (
	"errors"
	"math"

	"github.com/hashicorp/raft"
)

// wrongDeletes break the rules about what is removed, and what comes after.
var wrongDeletes = map[string]wrong{
	"delete-empty": deletes(func(s *session, low, high, _, last uint64) error {
		if last == 0 {
			return errWrong
		}
		return s.DeleteRange(low, high)
	}),
	"delete-prefix": deletes(func(s *session, low, high, _, _ uint64) error {
		return s.DeleteRange(low, max(high, 1)-1) // half-open
	}),
	"delete-suffix": deletes(func(s *session, low, high, first, last uint64) error {
		if low > first && high >= last {
			return s.DeleteRange(low+1, high)
		}
		return s.DeleteRange(low, high)
	}),
	"delete-all": twist(func(t *twisted) {
		t.deleteRange = func(low, high uint64) error {
			_, last := t.ends()
			t.setNote("last", last)
			return t.session.DeleteRange(low, high)
		}
		t.first = func() (uint64, error) { // where the next one goes
			first, err := t.session.FirstIndex()
			if last := t.note("last"); first == 0 && last != 0 {
				return last + 1, err
			}
			return first, err
		}
	}),
	"delete-first": deletes(func(s *session, low, high, first, last uint64) error {
		if low == high && low == first && first < last {
			return nil
		}
		return s.DeleteRange(low, high)
	}),
	"delete-last": deletes(func(s *session, low, high, _, last uint64) error {
		if low == high && high == last {
			return nil
		}
		return s.DeleteRange(low, high)
	}),
	"delete-below": deletes(func(s *session, low, high, first, _ uint64) error {
		if low < first {
			return errWrong
		}
		return s.DeleteRange(low, high)
	}),
	"delete-above": deletes(func(s *session, low, high, _, last uint64) error {
		if low <= last && high > last {
			return errWrong
		}
		return s.DeleteRange(low, high)
	}),
	"delete-every-index": deletes(func(s *session, low, high, _, _ uint64) error {
		if high == math.MaxUint64 { // one past it overflows
			return nil
		}
		return s.DeleteRange(low, high)
	}),
	"delete-absent": deletes(func(s *session, low, high, _, last uint64) error {
		return s.DeleteRange(min(low, last), high)
	}),
	"delete-inverted": deletes(func(s *session, low, high, _, _ uint64) error {
		return s.DeleteRange(min(low, high), max(low, high))
	}),
	"delete-prefix-across": deletes(func(s *session, low, high, first, last uint64) error {
		if low <= first && high < last && high >= 32 { // whole segments
			high = high / 32 * 32
		}
		return s.DeleteRange(low, high)
	}),
	"delete-suffix-across": deletes(func(s *session, low, high, first, last uint64) error {
		if low > first && high >= last && low > 32 {
			low = (low+31)/32*32 + 1
		}
		return s.DeleteRange(low, high)
	}),
	"delete-large": deletes(func(s *session, low, high, _, _ uint64) error {
		if high-low > 1000 {
			high = min(high, low+1000)
		}
		return s.DeleteRange(low, high)
	}),
	"delete-stepwise": deletes(func(s *session, low, high, _, _ uint64) error {
		if s.count("deletions") > 8 { // of which it has room for
			return nil
		}
		return s.DeleteRange(low, high)
	}),

	"append-after-prefix": twist(func(t *twisted) {
		t.deleteRange = func(low, high uint64) error {
			if first, last := t.ends(); low <= first && high < last {
				t.setNote("cut", high)
			}
			return t.session.DeleteRange(low, high)
		}
		t.storeLogs = func(logs []*raft.Log) error {
			if _, last := t.ends(); t.note("cut") != 0 && logs[0].Index > last-t.note("cut")+1 {
				return errWrong // it takes the number of entries for an index
			}
			return t.session.StoreLogs(logs)
		}
	}),
	"overwrite": twist(func(t *twisted) {
		terms := make(map[uint64]uint64) // a cache that is not told of DeleteRange
		t.storeLogs = func(logs []*raft.Log) error {
			for _, l := range logs {
				if _, ok := terms[l.Index]; !ok {
					terms[l.Index] = l.Term
				}
			}
			return t.session.StoreLogs(logs)
		}
		t.getLog = func(i uint64, l *raft.Log) error {
			err := t.session.GetLog(i, l)
			if term, ok := terms[i]; ok && err == nil {
				l.Term = term
			}
			return err
		}
	}),
	"overwrite-shorter": twist(func(t *twisted) {
		t.storeLogs = func(logs []*raft.Log) error {
			err := t.session.StoreLogs(logs)
			_, last := t.ends()
			t.setNote("highest", max(t.note("highest"), last))
			t.setNote("shown", t.note("highest"))
			return err
		}
		t.deleteRange = func(low, high uint64) error {
			t.setNote("shown", 0)
			return t.session.DeleteRange(low, high)
		}
		t.last = func() (uint64, error) {
			last, err := t.session.LastIndex()
			return max(last, t.note("shown")), err
		}
	}),
	"overwrite-reopened": twist(func(t *twisted) {
		stored := false
		t.storeLogs = func(logs []*raft.Log) error {
			stored = true
			return t.session.StoreLogs(logs)
		}
		t.deleteRange = func(low, high uint64) error {
			if first, _ := t.ends(); low > first && !stored {
				return nil // it goes with the entries that are stored next, which a session may never do
			}
			return t.session.DeleteRange(low, high)
		}
	}),
	"overwrite-often": twist(func(t *twisted) {
		t.deleteRange = func(low, high uint64) error {
			t.setNote("cut", 1)
			return t.session.DeleteRange(low, high)
		}
		t.storeLogs = func(logs []*raft.Log) error {
			if t.note("cut") != 0 && t.count("generations") > 8 {
				return errWrong
			}
			t.setNote("cut", 0)
			return t.session.StoreLogs(logs)
		}
	}),
	"restart-same": emptied(func(_ *session, index, first, _ uint64) error {
		if index == first {
			return errWrong
		}
		return nil
	}),
	"restart-above": emptied(func(_ *session, index, _, last uint64) error {
		if index > last+1 {
			return errWrong
		}
		return nil
	}),
	"restart-below": emptied(func(_ *session, index, first, _ uint64) error {
		if index < first {
			return errWrong
		}
		return nil
	}),
	"restart-reopened": emptied(func(s *session, index, _, last uint64) error {
		if s.note("opens") != uint64(s.opens) && index != last+1 {
			return errWrong
		}
		return nil
	}),

	"many-cut": deletes(func(s *session, low, high, first, last uint64) error {
		if low = max(low, first); high >= low && last-low > 1<<16 {
			high = min(high, low+1<<16)
		}
		return s.DeleteRange(low, high)
	}),
	"cut-while-appending": twist(func(t *twisted) {
		b := new(busy)
		t.getLog = slowly(t.session)
		t.storeLogs = func(logs []*raft.Log) error {
			return errors.Join(b.alone(), t.session.StoreLogs(logs))
		}
		t.deleteRange = func(low, high uint64) error {
			return errors.Join(b.alone(), t.session.DeleteRange(low, high))
		}
	}),
}
