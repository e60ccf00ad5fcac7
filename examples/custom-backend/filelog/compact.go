package filelog

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// slack is how much may be removed entries before it is worth the copying.
const slack = 8 << 20

// compact writes what is left to a new file, when that is less than half of it.
func (s *Store) compact() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.writable(); err != nil {
		return err
	}
	if s.size-s.live < s.live+slack {
		return nil
	}
	content, err := s.remains()
	if err != nil {
		return s.fail(err)
	}
	if err := s.publish(content); err != nil {
		return s.fail(err)
	}
	old := s.file
	if err := errors.Join(s.load(), old.Close()); err != nil {
		return s.fail(err)
	}
	return nil
}

// remains is a file with what there is: the values, then the entries, in
// records of a megabyte or so.
func (s *Store) remains() ([]byte, error) {
	file := []byte(magic)
	add := func(payload []byte) { file = appendRecord(file, int64(len(file)), payload) }
	for key, value := range s.values {
		add(append(appendBytes([]byte{kindValue}, []byte(key)), value...))
	}
	for key, n := range s.numbers {
		add(binary.BigEndian.AppendUint64(appendBytes([]byte{kindNumber}, []byte(key)), n))
	}
	payload := []byte{kindEntries}
	for i, p := range s.entries {
		entry := make([]byte, p.size)
		if _, err := s.file.ReadAt(entry, p.at); err != nil {
			return nil, err
		}
		if _, _, err := cutEntry(entry); err != nil {
			return nil, fmt.Errorf("log entry %d: %w", s.first+uint64(i), err)
		}
		if payload = append(payload, entry...); len(payload) > 1<<20 {
			add(payload)
			payload = payload[:1]
		}
	}
	if len(payload) > 1 {
		add(payload)
	}
	return file, nil
}
