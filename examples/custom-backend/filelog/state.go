package filelog

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// position is where in the file an entry is.
type position struct {
	at   int64
	size int
}

// state is what the records of a file add up to.
type state struct {
	first   uint64 // of entries
	entries []position
	live    int64 // bytes of entries
	values  map[string][]byte
	numbers map[string]uint64
}

func newState() state {
	return state{values: make(map[string][]byte), numbers: make(map[string]uint64)}
}

// last is the highest index, 0 if there is none.
func (s *state) last() uint64 {
	if len(s.entries) == 0 {
		return 0
	}
	return s.first + uint64(len(s.entries)) - 1
}

// apply adds a record whose payload begins at a position of the file.
func (s *state) apply(at int64, payload []byte) error {
	if len(payload) == 0 {
		return errDamaged
	}
	kind, b := payload[0], payload[1:]
	switch kind {
	case kindEntries:
		return s.add(at+1, b)
	case kindDelete:
		if len(b) != 16 {
			return errDamaged
		}
		return s.remove(binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:]))
	}
	key, value, ok := cutBytes(b)
	switch {
	case ok && kind == kindValue:
		s.values[string(key)] = append([]byte{}, value...)
	case ok && kind == kindNumber && len(value) == 8:
		s.numbers[string(key)] = binary.BigEndian.Uint64(bytes.Clone(value))
	default:
		return errDamaged
	}
	return nil
}

func (s *state) add(at int64, b []byte) error {
	for len(b) > 0 {
		l, size, err := cutEntry(b)
		if err != nil {
			return err
		}
		if len(s.entries) == 0 {
			s.first = l.Index
		} else if l.Index != s.last()+1 {
			return errDamaged
		}
		s.entries = append(s.entries, position{at, size})
		s.live += int64(size)
		at, b = at+int64(size), b[size:]
	}
	return nil
}

func (s *state) remove(low, high uint64) error {
	if len(s.entries) == 0 || low < s.first || high > s.last() || low > high {
		return errDamaged
	}
	from, to := int(low-s.first), int(high-s.first)+1
	for _, p := range s.entries[from:to] {
		s.live -= int64(p.size)
	}
	if from == 0 {
		s.first = high + 1
	}
	s.entries = slices.Delete(s.entries, from, to)
	return nil
}
