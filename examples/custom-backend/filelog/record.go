package filelog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/hashicorp/raft"
)

// A file is the magic, then records. A record is its own position in the file,
// the length of its payload, the checksum of all else, and the payload. The
// position makes sure that no data of an entry passes for a record.
const (
	magic      = "keyval-example-filelog 1\n" // the number is the version of the format
	headerSize = 8 + 4 + 4
)

// The first byte of a payload says what it is.
const (
	kindEntries = 'e' // entries, one after the other
	kindDelete  = 'd' // low and high
	kindValue   = 'v' // key, value
	kindNumber  = 'n' // key, eight bytes
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	errDamaged = errors.New("damaged")
)

func appendRecord(b []byte, at int64, payload []byte) []byte {
	start := len(b)
	b = binary.BigEndian.AppendUint64(b, uint64(at))
	b = binary.BigEndian.AppendUint32(b, uint32(len(payload)))
	sum := crc32.Update(crc32.Checksum(b[start:], castagnoli), castagnoli, payload)
	b = binary.BigEndian.AppendUint32(b, sum)
	return append(b, payload...)
}

// recordAt returns the payload of the record at a position of file, which is
// what the file holds.
func recordAt(file []byte, at int64) ([]byte, bool) {
	b := file[at:]
	if len(b) < headerSize || binary.BigEndian.Uint64(b) != uint64(at) {
		return nil, false
	}
	size := binary.BigEndian.Uint32(b[8:])
	if uint64(size) > uint64(len(b)-headerSize) {
		return nil, false
	}
	payload := b[headerSize : headerSize+size]
	sum := crc32.Update(crc32.Checksum(b[:12], castagnoli), castagnoli, payload)
	return payload, sum == binary.BigEndian.Uint32(b[12:])
}

// An entry is the length of what follows, its checksum, and the fields.

func appendEntry(b []byte, l *raft.Log) ([]byte, error) {
	at, err := l.AppendedAt.UTC().MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("log entry %d: %w", l.Index, err)
	}
	fields := binary.BigEndian.AppendUint64(nil, l.Index)
	fields = binary.BigEndian.AppendUint64(fields, l.Term)
	fields = append(fields, byte(l.Type))
	for _, part := range [][]byte{at, l.Extensions} {
		fields = appendBytes(fields, part)
	}
	fields = append(fields, l.Data...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(fields)))
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(fields, castagnoli))
	return append(b, fields...), nil
}

// cutEntry returns the first entry of b and its size. The entry has slices of b.
func cutEntry(b []byte) (l raft.Log, size int, err error) {
	if len(b) < 8 || uint64(binary.BigEndian.Uint32(b)) > uint64(len(b)-8) {
		return l, 0, errDamaged
	}
	size = 8 + int(binary.BigEndian.Uint32(b))
	fields := b[8:size]
	if crc32.Checksum(fields, castagnoli) != binary.BigEndian.Uint32(b[4:]) || len(fields) < 17 {
		return l, 0, errDamaged
	}
	l.Index, l.Term = binary.BigEndian.Uint64(fields), binary.BigEndian.Uint64(fields[8:])
	l.Type = raft.LogType(fields[16])
	at, rest, ok := cutBytes(fields[17:])
	if !ok || l.AppendedAt.UnmarshalBinary(at) != nil {
		return l, 0, errDamaged
	}
	if l.Extensions, l.Data, ok = cutBytes(rest); !ok {
		return l, 0, errDamaged
	}
	return l, size, nil
}

func appendBytes(b, part []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(part))), part...)
}

func cutBytes(b []byte) (part, rest []byte, ok bool) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b)-size) {
		return nil, nil, false
	}
	end := size + int(n)
	return bytes.Clone(b[size:end]), b[end:], true
}
