package storagetest

import (
	"bytes"
	"math"

	"github.com/hashicorp/raft"
)

// wrongStables break the rules about values, numbers and votes, and those about
// whose a buffer is.
var wrongStables = map[string]wrong{
	"value-miss": twist(func(t *twisted) {
		t.get = func(key []byte) ([]byte, error) {
			value, err := t.session.Get(key)
			if isMiss(err) {
				return nil, nil
			}
			return value, err
		}
	}),
	"number-miss": twist(func(t *twisted) {
		t.getUint64 = func(key []byte) (uint64, error) {
			n, err := t.session.GetUint64(key)
			if isMiss(err) {
				return 0, errWrong
			}
			return n, err
		}
	}),
	"value": twist(func(t *twisted) { t.set = func([]byte, []byte) error { return nil } }),
	"value-newest": sets(func(s *session, key, value []byte) error {
		if _, err := s.disk.Get(key); err == nil {
			return nil
		}
		return s.Set(key, value)
	}),
	"value-empty": sets(func(s *session, key, value []byte) error {
		if len(value) == 0 {
			return nil
		}
		return s.Set(key, value)
	}),
	"value-bytes":     keys(func(key []byte) []byte { return bytes.SplitN(key, []byte{0}, 2)[0] }),
	"value-exact-key": keys(lower),
	"value-long": sets(func(s *session, key, value []byte) error {
		return s.Set(key, value[:min(len(value), 4096)])
	}),
	"number": twist(func(t *twisted) {
		t.setUint64 = func(key []byte, n uint64) error {
			if _, err := t.disk.GetUint64(key); err == nil {
				return nil
			}
			return t.session.SetUint64(key, n)
		}
	}),
	"number-zero": twist(func(t *twisted) {
		t.getUint64 = func(key []byte) (uint64, error) {
			n, err := t.session.GetUint64(key)
			if n == 0 && err == nil {
				_, err = t.session.GetUint64([]byte("what is not there"))
			}
			return n, err
		}
	}),
	"number-largest": twist(func(t *twisted) {
		t.getUint64 = func(key []byte) (uint64, error) {
			n, err := t.session.GetUint64(key)
			return n & math.MaxInt64, err
		}
	}),
	"vote": twist(func(t *twisted) { // keeps the candidate until the next sync
		var candidate []byte
		t.set = func(key, value []byte) error {
			if string(key) == voteCand {
				candidate = bytes.Clone(value)
				return nil
			}
			return t.session.Set(key, value)
		}
		t.get = func(key []byte) ([]byte, error) {
			if string(key) == voteCand && candidate != nil {
				return candidate, nil
			}
			return t.session.Get(key)
		}
	}),
	"vote-newest": sets(func(s *session, key, value []byte) error {
		if string(key) == voteCand && s.count("votes") > 1 {
			return nil
		}
		return s.Set(key, value)
	}),
	"vote-beside-log": deletes(func(s *session, low, high, _, last uint64) error {
		err := s.DeleteRange(low, high)
		if _, now := s.ends(); now == 0 && last != 0 {
			return s.SetUint64([]byte(voteTerm), 0)
		}
		return err
	}),
	"log-beside-vote": sets(func(s *session, key, value []byte) error {
		if _, last := s.ends(); last != 0 {
			return s.DeleteRange(last, last)
		}
		return s.Set(key, value)
	}),

	"entry-not-changed": stores(func(s *session, logs []*raft.Log, _ uint64) error {
		err := s.StoreLogs(logs)
		for _, l := range logs {
			l.Extensions = append(bytes.Clone(l.Extensions), "checksum"...)
		}
		return err
	}),
	"entry-not-kept": twist(func(t *twisted) {
		kept := make(map[uint64][]byte)
		t.storeLogs = func(logs []*raft.Log) error {
			for _, l := range logs {
				kept[l.Index] = l.Data
			}
			return t.session.StoreLogs(logs)
		}
		t.getLog = func(i uint64, l *raft.Log) error {
			err := t.session.GetLog(i, l)
			if data, ok := kept[i]; ok && err == nil {
				l.Data = bytes.Clone(data)
			}
			return err
		}
	}),
	"entry-not-reused": twist(func(t *twisted) {
		var buffer []byte
		t.getLog = func(i uint64, l *raft.Log) error {
			err := t.session.GetLog(i, l)
			buffer = append(buffer[:0], l.Data...)
			l.Data = buffer
			return err
		}
	}),
	"entry-not-lent": twist(func(t *twisted) {
		cache := make(map[uint64]raft.Log)
		t.getLog = func(i uint64, l *raft.Log) error {
			if err := t.session.GetLog(i, l); err != nil {
				return err
			}
			if c, ok := cache[i]; ok && c.Term == l.Term {
				*l = c
			}
			cache[i] = *l
			return nil
		}
	}),
	"value-not-kept": twist(func(t *twisted) {
		kept := make(map[string][]byte)
		t.set = func(key, value []byte) error {
			kept[string(key)] = value
			return t.session.Set(key, value)
		}
		t.get = func(key []byte) ([]byte, error) {
			if value, ok := kept[string(key)]; ok {
				return bytes.Clone(value), nil
			}
			return t.session.Get(key)
		}
	}),
	"value-not-lent": twist(func(t *twisted) {
		cache := make(map[string][]byte)
		t.set = func(key, value []byte) error {
			delete(cache, string(key))
			return t.session.Set(key, value)
		}
		t.get = func(key []byte) ([]byte, error) {
			if value, ok := cache[string(key)]; ok {
				return value, nil
			}
			value, err := t.session.Get(key)
			if err == nil {
				cache[string(key)] = value
			}
			return value, err
		}
	}),
}

func isMiss(err error) bool { return err != nil && err.Error() == "not found" }

// sets replaces Set.
func sets(do func(s *session, key, value []byte) error) wrong {
	return twist(func(t *twisted) {
		t.set = func(key, value []byte) error { return do(t.session, key, value) }
	})
}

// keys changes the keys of values.
func keys(change func([]byte) []byte) wrong {
	return twist(func(t *twisted) {
		t.set = func(key, value []byte) error { return t.session.Set(change(key), value) }
		t.get = func(key []byte) ([]byte, error) { return t.session.Get(change(key)) }
	})
}

// lower changes no byte but capital letters; keys need not be text.
func lower(key []byte) []byte {
	low := bytes.Clone(key)
	for i, b := range low {
		if b >= 'A' && b <= 'Z' {
			low[i] = b + 'a' - 'A'
		}
	}
	return low
}
