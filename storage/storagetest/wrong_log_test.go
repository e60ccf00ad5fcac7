package storagetest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
)

var errWrong = errors.New("an error where none should be")

// wrongLogs break the rules about entries. Some of them are bugs that published
// stores have had.
var wrongLogs = map[string]wrong{
	"empty-bounds": twist(func(t *twisted) {
		t.first = func() (uint64, error) {
			first, err := t.session.FirstIndex()
			return max(first, 1), err
		}
	}),
	"empty-get": twist(func(t *twisted) {
		t.getLog = func(i uint64, l *raft.Log) error {
			if err := t.session.GetLog(i, l); err != nil {
				return fmt.Errorf("get entry: %w", err)
			}
			return nil
		}
	}),
	"one-entry": twist(func(t *twisted) { t.storeLog = func(*raft.Log) error { return nil } }),
	"log-miss": twist(func(t *twisted) {
		t.getLog = func(i uint64, l *raft.Log) error {
			if _, last := t.ends(); last != 0 && i > last {
				return errWrong
			}
			return t.session.GetLog(i, l)
		}
	}),
	"first-index": stores(func(s *session, logs []*raft.Log, last uint64) error {
		if last == 0 && logs[0].Index != 1 {
			return errWrong
		}
		return s.StoreLogs(logs)
	}),
	"batch": stores(func(s *session, logs []*raft.Log, _ uint64) error {
		return s.StoreLogs(logs[:max(1, len(logs)-1)])
	}),
	"empty-batch": stores(func(s *session, logs []*raft.Log, _ uint64) error {
		if len(logs) == 0 {
			return errWrong
		}
		return s.StoreLogs(logs)
	}),
	"large-batch": stores(func(s *session, logs []*raft.Log, _ uint64) error {
		if len(logs) > 1000 { // splits it, and skips an entry
			logs = slices.Concat(logs[:999], logs[1000:])
		}
		return s.StoreLogs(logs)
	}),
	"one-by-one": twist(func(t *twisted) {
		t.storeLog = func(l *raft.Log) error {
			if t.count("single") == 32 {
				return nil
			}
			return t.session.StoreLog(l)
		}
	}),
	"append-after-reopen": stores(func(s *session, logs []*raft.Log, last uint64) error {
		if s.opens == 2 {
			return errors.Join(s.DeleteRange(1, last), s.StoreLogs(logs))
		}
		return s.StoreLogs(logs)
	}),
	"reopen-often": around(func(s *session) storage.Store {
		if s.opens > 8 {
			_ = s.disk.DeleteRange(1, 1) // it has no errors
		}
		return s
	}),

	"appended-at-zero": readsBack(func(l *raft.Log) {
		if l.AppendedAt.IsZero() {
			l.AppendedAt = time.Unix(0, 0)
		}
	}),
	"term":             readsBack(func(l *raft.Log) { l.Term &= 1<<32 - 1 }),
	"type":             readsBack(func(l *raft.Log) { l.Type = raft.LogCommand }),
	"data-bytes":       readsBack(func(l *raft.Log) { l.Data = bytes.TrimRight(l.Data, "\x00") }),
	"data-large":       readsBack(func(l *raft.Log) { l.Data = l.Data[:min(len(l.Data), 1<<20-1)] }),
	"extensions":       readsBack(func(l *raft.Log) { l.Extensions = nil }),
	"appended-at":      readsBack(func(l *raft.Log) { l.AppendedAt = time.Time{} }),
	"appended-at-nano": readsBack(func(l *raft.Log) { l.AppendedAt = l.AppendedAt.Truncate(time.Millisecond) }),
	"data-empty": twist(func(t *twisted) {
		t.getLog = func(i uint64, l *raft.Log) error {
			if err := t.session.GetLog(i, l); err != nil || len(l.Data) > 0 {
				return err
			}
			return errWrong
		}
	}),
	"batch-large": stores(func(s *session, logs []*raft.Log, _ uint64) error {
		size := 0
		for _, l := range logs {
			size += len(l.Data)
		}
		if size > 4<<20 {
			return errWrong
		}
		return s.StoreLogs(logs)
	}),
	"get-reused": twist(func(t *twisted) {
		t.getLog = func(i uint64, l *raft.Log) error {
			before := l.Extensions
			err := t.session.GetLog(i, l)
			if len(l.Extensions) == 0 {
				l.Extensions = before
			}
			return err
		}
	}),

	"gap": around(func(s *session) storage.Store { return mute{contiguous{s}} }),
	"gap-miss": twist(func(t *twisted) {
		t.getLog = func(i uint64, l *raft.Log) error {
			err := t.session.GetLog(i, l)
			if first, last := t.ends(); err != nil && i > first && i < last {
				return errWrong
			}
			return err
		}
	}),
	"gap-refused": around(func(s *session) storage.Store { return boast{s} }),
	"gap-refused-whole": around(func(s *session) storage.Store {
		return contiguousTwist{s, func(logs []*raft.Log) error {
			for _, l := range logs {
				if err := (contiguous{s}).StoreLog(l); err != nil {
					return err
				}
			}
			return nil
		}}
	}),
	"monotonic-steady": around(func(s *session) storage.Store {
		if s.opens > 2 {
			return s
		}
		return contiguous{s}
	}),

	"commit-index-empty": around(func(s *session) storage.Store {
		return trackerTwist{tracker{s, new(uint64)}, func(t tracker) (uint64, error) {
			if _, last := s.ends(); last == 0 {
				return 0, errWrong
			}
			return t.GetCommitIndex()
		}}
	}),
	"commit-index": around(func(s *session) storage.Store {
		return trackerTwist{tracker{s, new(uint64)}, func(tracker) (uint64, error) { return 0, nil }}
	}),
	"commit-index-bounded": around(func(s *session) storage.Store {
		return trackerTwist{tracker{s, new(uint64)}, func(tracker) (uint64, error) { return s.note("commit"), nil }}
	}),
}

// mute is monotonic and does not say so.
type mute struct{ storage.Store }

// boast says that it is monotonic and is not.
type boast struct{ *session }

func (boast) IsMonotonic() bool { return true }

type contiguousTwist struct {
	*session
	storeLogs func([]*raft.Log) error
}

func (contiguousTwist) IsMonotonic() bool { return true }

func (s contiguousTwist) StoreLog(l *raft.Log) error { return s.storeLogs([]*raft.Log{l}) }

func (s contiguousTwist) StoreLogs(l []*raft.Log) error { return s.storeLogs(l) }

type trackerTwist struct {
	tracker
	get func(tracker) (uint64, error)
}

func (s trackerTwist) GetCommitIndex() (uint64, error) { return s.get(s.tracker) }
