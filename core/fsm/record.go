package fsm

import (
	"encoding/binary"
	"unsafe"
)

// record is one version of a key, or its tombstone, as one immutable string:
//
//	uvarint key length | key | uvarint create revision | uvarint mod revision |
//	uvarint version | uvarint lease | value
//
// One allocation without pointers costs the least memory and nothing to scan.
// A record of a live key is also what the state checksum hashes, so its layout
// is a promise between replicas of different releases. No lease is written yet;
// its place holds 0. A tombstone has version 0 and no value.
type record string

// newRecord lays out a version. Tombstones pass create and version 0.
func newRecord(key []byte, create, mod, version uint64, value []byte) record {
	n := uvarintLen(uint64(len(key))) + len(key) + uvarintLen(create) + uvarintLen(mod) + uvarintLen(version) + 1 + len(value)
	b := make([]byte, 0, n)
	b = binary.AppendUvarint(b, uint64(len(key)))
	b = append(b, key...)
	b = binary.AppendUvarint(b, create)
	b = binary.AppendUvarint(b, mod)
	b = binary.AppendUvarint(b, version)
	b = append(b, 0)
	b = append(b, value...)
	// b is never written again, so it may be seen as a string.
	return record(unsafe.String(unsafe.SliceData(b), len(b)))
}

// fields is a record taken apart. Key and value share the record's memory.
type fields struct {
	create, mod, version uint64
	value                string
}

func (r record) key() string {
	n, at := r.uvarint(0)
	return string(r[at : at+int(n)])
}

func (r record) fields() fields {
	var f fields
	n, at := r.uvarint(0)
	f.create, at = r.uvarint(at + int(n))
	f.mod, at = r.uvarint(at)
	f.version, at = r.uvarint(at)
	_, at = r.uvarint(at)
	f.value = string(r[at:])
	return f
}

// mod is the revision that wrote the record.
func (r record) mod() uint64 {
	n, at := r.uvarint(0)
	_, at = r.uvarint(at + int(n))
	mod, _ := r.uvarint(at)
	return mod
}

// live is false for a tombstone.
func (r record) live() bool {
	n, at := r.uvarint(0)
	return r[at+int(n)] != 0 // the create revision's first byte; 0 is only 0
}

// uvarint reads the number at position at and returns the position behind it.
// Records come from newRecord alone, so it need not expect a malformed one.
func (r record) uvarint(at int) (uint64, int) {
	b := r[at]
	at++
	if b < 0x80 {
		return uint64(b), at
	}
	v := uint64(b & 0x7f)
	for shift := 7; ; shift += 7 {
		b = r[at]
		at++
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v, at
		}
	}
}

func uvarintLen(v uint64) int {
	n := 1
	for ; v >= 0x80; v >>= 7 {
		n++
	}
	return n
}

// bytesOf is s without a copy. Nobody may write to it.
func bytesOf(s string) []byte {
	return unsafe.Slice(unsafe.StringData(s), len(s))
}
