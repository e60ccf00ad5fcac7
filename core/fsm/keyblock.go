package fsm

import (
	"errors"

	"google.golang.org/protobuf/encoding/protowire"
)

// A block of keys is a snapshotpb.Keys message. It is written from records and
// read into them without the generated types: a million keys would cost a few
// million short-lived messages. A test holds the two encodings together.
const (
	fieldKeys = 1 // of snapshotpb.Keys

	fieldKey      = 1 // of snapshotpb.Key
	fieldVersions = 2

	fieldCreate  = 1 // of snapshotpb.Version
	fieldMod     = 2
	fieldVersion = 3
	fieldValue   = 4
)

// appendKey appends a live record to a block.
func appendKey(b []byte, r record) []byte {
	key, f := r.key(), r.fields()
	// The numbers' tags take a byte each, and none of the numbers is 0.
	version := 3 + protowire.SizeVarint(f.create) + protowire.SizeVarint(f.mod) + protowire.SizeVarint(f.version)
	if len(f.value) > 0 {
		version += 1 + protowire.SizeBytes(len(f.value))
	}
	b = protowire.AppendTag(b, fieldKeys, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(1+protowire.SizeBytes(len(key))+1+protowire.SizeBytes(version)))
	b = protowire.AppendTag(b, fieldKey, protowire.BytesType)
	b = protowire.AppendString(b, key)
	b = protowire.AppendTag(b, fieldVersions, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(version))
	b = appendNumber(b, fieldCreate, f.create)
	b = appendNumber(b, fieldMod, f.mod)
	b = appendNumber(b, fieldVersion, f.version)
	if len(f.value) > 0 {
		b = protowire.AppendTag(b, fieldValue, protowire.BytesType)
		b = protowire.AppendString(b, f.value)
	}
	return b
}

func appendNumber(b []byte, field protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), v)
}

// keyMessage is a snapshotpb.Key of one version. It shares the block's memory.
type keyMessage struct {
	key, value           []byte
	create, mod, version uint64
	versions             int
}

var (
	errField    = errors.New("it has a field that this release does not know")
	errVersions = errors.New("a key has not exactly one version")
)

func (k *keyMessage) parse(b []byte) error {
	err := eachField(b, func(field protowire.Number, _ uint64, bytes []byte) error {
		switch {
		case field == fieldKey && bytes != nil:
			k.key = bytes
		case field == fieldVersions && bytes != nil:
			k.versions++
			return k.parseVersion(bytes)
		default:
			return errField
		}
		return nil
	})
	if err == nil && k.versions != 1 {
		return errVersions
	}
	return err
}

func (k *keyMessage) parseVersion(b []byte) error {
	return eachField(b, func(field protowire.Number, number uint64, bytes []byte) error {
		switch {
		case field == fieldCreate && bytes == nil:
			k.create = number
		case field == fieldMod && bytes == nil:
			k.mod = number
		case field == fieldVersion && bytes == nil:
			k.version = number
		case field == fieldValue && bytes != nil:
			k.value = bytes
		default:
			return errField
		}
		return nil
	})
}

// eachField takes a message apart. A field is a number, or bytes that are not
// nil.
func eachField(b []byte, visit func(field protowire.Number, number uint64, bytes []byte) error) error {
	for len(b) > 0 {
		field, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		var number uint64
		var bytes []byte
		switch kind {
		case protowire.VarintType:
			number, n = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			if bytes, n = protowire.ConsumeBytes(b); n >= 0 && bytes == nil {
				bytes = b[n:n]
			}
		default:
			return errField
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		if err := visit(field, number, bytes); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}
