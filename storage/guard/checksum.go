package guard

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/hashicorp/raft"
)

// The trailer that an entry's Extensions end in: flags (1 byte), CRC-32C (4
// bytes, big endian), version (1 byte), magic (4 bytes). It is read from its
// end, so that another version may have another length.
const (
	trailerMagic   = "kvgd"
	trailerVersion = 1
	trailerSize    = 1 + 4 + 1 + len(trailerMagic)

	// flagNil marks an entry whose Extensions were nil, and not empty.
	flagNil = 1
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errNoTrailer says that an entry carries no checksum at all.
var errNoTrailer = errors.New("it carries no checksum")

// seal returns copies of logs whose Extensions end in a trailer. Raft shares
// logs with whoever else has them, so they are not touched; Data is shared.
func seal(logs []*raft.Log) []*raft.Log {
	size := 0
	for _, l := range logs {
		size += len(l.Extensions) + trailerSize
	}
	room := make([]byte, 0, size)
	copies := make([]raft.Log, len(logs))
	sealed := make([]*raft.Log, len(logs))
	for i, l := range logs {
		began := len(room)
		var flags byte
		if l.Extensions == nil {
			flags = flagNil
		}
		room = append(append(room, l.Extensions...), flags)
		room = binary.BigEndian.AppendUint32(room, entrySum(l, l.Extensions, flags))
		room = append(append(room, trailerVersion), trailerMagic...)
		copies[i] = *l
		copies[i].Extensions = room[began:len(room):len(room)]
		sealed[i] = &copies[i]
	}
	return sealed
}

// unseal checks the trailer of l and takes it off. On an error l is as it was.
func unseal(l *raft.Log) error {
	body := len(l.Extensions) - trailerSize
	if len(l.Extensions) < 1+len(trailerMagic) || string(l.Extensions[len(l.Extensions)-len(trailerMagic):]) != trailerMagic {
		return errNoTrailer
	}
	if v := l.Extensions[len(l.Extensions)-len(trailerMagic)-1]; v != trailerVersion {
		return fmt.Errorf("its checksum has version %d, and this program reads version %d", v, trailerVersion)
	}
	if body < 0 {
		return errors.New("its checksum is cut short")
	}
	flags, want := l.Extensions[body], binary.BigEndian.Uint32(l.Extensions[body+1:])
	extensions := l.Extensions[:body:body]
	if got := entrySum(l, extensions, flags); got != want {
		return fmt.Errorf("its checksum is %08x and was stored as %08x", got, want)
	}
	l.Extensions = extensions
	if flags&flagNil != 0 {
		l.Extensions = nil
	}
	return nil
}

// entrySum is the CRC-32C of everything in an entry. Lengths are in it too, so
// that a byte that moved from one field to the next is seen.
func entrySum(l *raft.Log, extensions []byte, flags byte) uint32 {
	var head [8 + 8 + 1 + 8 + 4 + 8 + 2]byte
	binary.BigEndian.PutUint64(head[0:], l.Index)
	binary.BigEndian.PutUint64(head[8:], l.Term)
	head[16] = byte(l.Type)
	binary.BigEndian.PutUint64(head[17:], uint64(l.AppendedAt.Unix()))       //nolint:gosec // its bits are what counts
	binary.BigEndian.PutUint32(head[25:], uint32(l.AppendedAt.Nanosecond())) //nolint:gosec // below 1e9
	binary.BigEndian.PutUint64(head[29:], uint64(len(l.Data)))
	head[37], head[38] = trailerVersion, flags
	sum := crc32.Update(0, castagnoli, head[:])
	sum = crc32.Update(sum, castagnoli, l.Data)
	return crc32.Update(sum, castagnoli, extensions)
}
