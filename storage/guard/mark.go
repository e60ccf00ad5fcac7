package guard

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// FileName is the guard's own file, in the directory of the store.
const FileName = "guard.mark"

// The file: a head, and two slots for a record, each in a block of its own. A
// record goes to the slot that holds the older one, so that a write that is cut
// short leaves the newer whole.
const (
	markMagic   = "keyvalgd"
	markVersion = 1
	blockSize   = 4096 // what file systems and disks write at once
	markSize    = 3 * blockSize
	headSize    = len(markMagic) + 4 + 4

	// maxSpans is how many are kept, of which a log that is always guarded and has
	// no gap has one. The oldest go first.
	maxSpans = 64

	recordSize = 8 + 1 + 8 + 8 + 2 // without spans and checksum
)

// record is what the guard knows of a log beside the log.
type record struct {
	clean bool   // the store was closed, and nothing came after
	low   uint64 // entries were acknowledged, and not cut since, from here on,
	high  uint64 // up to here; 0 if that is not known
	sums  spans  // which of them the log must have, each with a checksum
}

// reach takes in the entries from first to last, which were appended.
func (r *record) reach(first, last uint64) {
	if r.low == 0 {
		r.low = first
	}
	r.high = last
}

// encodeMark returns a new file with r in it.
func encodeMark(r record) []byte {
	b := append(headOf(markVersion), make([]byte, markSize-headSize)...)
	copy(b[slotAt(0):], encodeRecord(r, 0))
	return b
}

func headOf(version uint32) []byte {
	b := append(make([]byte, 0, headSize), markMagic...)
	b = binary.BigEndian.AppendUint32(b, version)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// encodeRecord: number (8 bytes), flags (1), low (8), high (8), count of spans (2), from
// and to of each (16), CRC-32C of all that (4).
func encodeRecord(r record, number uint64) []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, recordSize+16*len(r.sums)+4), number)
	var flags byte
	if r.clean {
		flags = 1
	}
	b = binary.BigEndian.AppendUint64(append(b, flags), r.low)
	b = binary.BigEndian.AppendUint64(b, r.high)
	b = binary.BigEndian.AppendUint16(b, uint16(len(r.sums))) //nolint:gosec // at most maxSpans
	for _, s := range r.sums {
		b = binary.BigEndian.AppendUint64(b, s.from)
		b = binary.BigEndian.AppendUint64(b, s.to)
	}
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func decodeRecord(b []byte) (r record, number uint64, ok bool) {
	n := int(binary.BigEndian.Uint16(b[25:]))
	if n > maxSpans {
		return record{}, 0, false
	}
	end := recordSize + 16*n
	if crc32.Checksum(b[:end], castagnoli) != binary.BigEndian.Uint32(b[end:]) {
		return record{}, 0, false
	}
	r = record{clean: b[8]&1 != 0, low: binary.BigEndian.Uint64(b[9:]), high: binary.BigEndian.Uint64(b[17:])}
	for i := range n {
		at := b[recordSize+16*i:]
		r.sums = append(r.sums, span{binary.BigEndian.Uint64(at), binary.BigEndian.Uint64(at[8:])})
	}
	return r, binary.BigEndian.Uint64(b), true
}

// damagedMark says what can be done about a mark that cannot be read.
func damagedMark(what string) error {
	return fmt.Errorf("is damaged: %s: restore it, or remove it and open the store once with the guard off, to go on without knowing what the log must have", what)
}

// decodeMark returns the newest whole record of a file, and its number.
func decodeMark(b []byte) (newest record, number uint64, err error) {
	if len(b) < headSize || string(b[:len(markMagic)]) != markMagic ||
		crc32.Checksum(b[:headSize-4], castagnoli) != binary.BigEndian.Uint32(b[headSize-4:]) {
		return record{}, 0, damagedMark("its head is not whole")
	}
	if v := binary.BigEndian.Uint32(b[len(markMagic):]); v != markVersion {
		return record{}, 0, fmt.Errorf("has version %d, this program reads version %d: use the program that wrote it, or a newer one", v, markVersion)
	}
	if len(b) != markSize {
		return record{}, 0, damagedMark(fmt.Sprintf("it has %d bytes, not %d", len(b), markSize))
	}
	found := false
	for slot := range uint64(2) {
		r, n, ok := decodeRecord(b[slotAt(slot):])
		if ok && n%2 == slot && (!found || n > number) {
			newest, number, found = r, n, true
		}
	}
	if !found {
		return record{}, 0, damagedMark("neither of its two records is whole")
	}
	return newest, number, nil
}

func slotAt(number uint64) int { return blockSize * int(1+number%2) } //nolint:gosec // 1 or 2

// mark is an open file. It is not safe for concurrent use.
type mark struct {
	file   markFile
	number uint64 // of the newest record
	broken error
}

// write makes r durable. After an error nothing is tried again: what a failed
// sync left on disk is not known.
func (m *mark) write(r record) error {
	if m.broken != nil {
		return m.broken
	}
	m.number++
	_, err := m.file.WriteAt(encodeRecord(r, m.number), int64(slotAt(m.number)))
	if err == nil {
		err = m.file.Sync()
	}
	if err != nil {
		m.broken = fmt.Errorf("write %s: %w", FileName, err)
	}
	return m.broken
}
