package pebblestore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"
)

// The form of an entry, version 1:
//
//	version    1 byte
//	present    1 byte   which of the three that follow are there
//	type       1 byte
//	index      uvarint
//	term       uvarint
//	appended   varint seconds since 1970, uvarint nanoseconds
//	data       uvarint length, bytes
//	extensions uvarint length, bytes
//
// What is not present takes no room, and nil is told from empty.
const (
	entryVersion = 1

	hasAppendedAt = 1 << 0
	hasData       = 1 << 1
	hasExtensions = 1 << 2
	hasMask       = hasAppendedAt | hasData | hasExtensions
)

var errDamagedEntry = errors.New("log entry is damaged")

func appendEntry(b []byte, l *raft.Log) []byte {
	present := byte(0)
	if !l.AppendedAt.IsZero() {
		present |= hasAppendedAt
	}
	if l.Data != nil {
		present |= hasData
	}
	if l.Extensions != nil {
		present |= hasExtensions
	}
	b = append(b, entryVersion, present, byte(l.Type))
	b = binary.AppendUvarint(b, l.Index)
	b = binary.AppendUvarint(b, l.Term)
	if present&hasAppendedAt != 0 {
		b = binary.AppendVarint(b, l.AppendedAt.Unix())
		b = binary.AppendUvarint(b, uint64(l.AppendedAt.Nanosecond()))
	}
	if present&hasData != 0 {
		b = appendBytes(b, l.Data)
	}
	if present&hasExtensions != 0 {
		b = appendBytes(b, l.Extensions)
	}
	return b
}

func appendBytes(b, field []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(field)))
	return append(b, field...)
}

// decodeEntry copies what it takes from b: pebble owns b.
func decodeEntry(b []byte) (raft.Log, error) {
	if len(b) < 3 {
		return raft.Log{}, errDamagedEntry
	}
	if b[0] != entryVersion {
		return raft.Log{}, fmt.Errorf("log entry has version %d, this program reads version %d", b[0], entryVersion)
	}
	present := b[1]
	d := decoder{rest: b[3:], bad: present&^byte(hasMask) != 0}
	l := raft.Log{Type: raft.LogType(b[2])}
	l.Index = d.uvarint()
	l.Term = d.uvarint()
	if present&hasAppendedAt != 0 {
		l.AppendedAt = d.time()
	}
	if present&hasData != 0 {
		l.Data = d.bytes()
	}
	if present&hasExtensions != 0 {
		l.Extensions = d.bytes()
	}
	if d.bad || len(d.rest) > 0 {
		return raft.Log{}, errDamagedEntry
	}
	return l, nil
}

// decoder reads fields until one is bad; then all that follow are zero.
type decoder struct {
	rest []byte
	bad  bool
}

func (d *decoder) take(n int) {
	if n <= 0 {
		d.bad, d.rest = true, nil
		return
	}
	d.rest = d.rest[n:]
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	d.take(n)
	return v
}

func (d *decoder) time() time.Time {
	seconds, n := binary.Varint(d.rest)
	d.take(n)
	nanos := d.uvarint()
	if nanos >= uint64(time.Second) {
		d.bad = true
	}
	if d.bad {
		return time.Time{}
	}
	return time.Unix(seconds, int64(nanos)).UTC()
}

func (d *decoder) bytes() []byte {
	n := d.uvarint()
	if d.bad || n > uint64(len(d.rest)) {
		d.bad = true
		return nil
	}
	field := make([]byte, n)
	copy(field, d.rest)
	d.rest = d.rest[n:]
	return field
}
