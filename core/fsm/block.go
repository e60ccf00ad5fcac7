package fsm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/proto"
)

// A snapshot is
//
//	magic, 8 bytes | version, 1 byte | blocks
//
// and a block, its numbers little-endian, is
//
//	kind, 1 byte | payload length, 4 | raw length, 4 | CRC32C, 4 | payload
//
// The payload is compressed with zstd; raw is what it was before, a message of
// snapshotpb. The CRC covers the block's other bytes. There is one header block,
// then blocks of keys, then one trailer, then nothing. Every byte is covered by
// a check, and nothing depends on who writes: equal states at the same index
// give equal snapshots.
const (
	snapshotMagic   = "keyvalSN"
	snapshotVersion = 1

	blockHeader  = 1 + 4 + 4 + 4
	blockKeys    = 'K'
	blockTop     = 'H'
	blockTrailer = 'T'

	// A block of keys is closed when it reaches this size.
	blockTarget = 256 << 10
	// No block is larger, since it is closed after the first key past the target.
	maxRaw = blockTarget + maxKey + maxValue + 1<<10
	// What zstd makes of input that it cannot compress.
	maxPayload = maxRaw + maxRaw/128 + 1<<10
	// zstd expands one 4-byte block to 128 KiB at most. A raw length beyond that
	// is a lie, and not believed with an allocation.
	maxExpansion = 32 << 10
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// blockWriter writes blocks and counts the bytes.
type blockWriter struct {
	w       io.Writer
	n       int64
	encoder *zstd.Encoder
	raw     []byte
	block   []byte
}

func newBlockWriter(w io.Writer) (*blockWriter, error) {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithEncoderCRC(false), zstd.WithWindowSize(blockTarget))
	if err != nil {
		return nil, err
	}
	return &blockWriter{w: w, encoder: encoder}, nil
}

func (b *blockWriter) write(p []byte) error {
	n, err := b.w.Write(p)
	b.n += int64(n)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	return err
}

func (b *blockWriter) start() error {
	return b.write(append([]byte(snapshotMagic), snapshotVersion))
}

func (b *blockWriter) message(kind byte, m proto.Message) error {
	raw, err := proto.MarshalOptions{Deterministic: true}.MarshalAppend(b.raw[:0], m)
	if err != nil {
		return err
	}
	b.raw = raw
	return b.payload(kind, raw)
}

func (b *blockWriter) payload(kind byte, raw []byte) error {
	if len(raw) > maxRaw {
		return fmt.Errorf("a snapshot block of %d bytes is larger than %d", len(raw), maxRaw)
	}
	b.block = b.encoder.EncodeAll(raw, append(b.block[:0], make([]byte, blockHeader)...))
	h := b.block[:blockHeader]
	h[0] = kind
	binary.LittleEndian.PutUint32(h[1:], uint32(len(b.block)-blockHeader))
	binary.LittleEndian.PutUint32(h[5:], uint32(len(raw)))
	binary.LittleEndian.PutUint32(h[9:], blockSum(h, b.block[blockHeader:]))
	return b.write(b.block)
}

func blockSum(header, payload []byte) uint32 {
	return crc32.Update(crc32.Checksum(header[:9], castagnoli), castagnoli, payload)
}

// blockReader reads blocks and knows where it is.
type blockReader struct {
	r       io.Reader
	start   int64 // of the block in hand
	next    int64 // behind it
	decoder *zstd.Decoder
	payload bytes.Buffer
	raw     []byte
}

func newBlockReader(r io.Reader) (*blockReader, error) {
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(maxRaw), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		return nil, err
	}
	return &blockReader{r: r, decoder: decoder}, nil
}

func (b *blockReader) close() { b.decoder.Close() }

// damaged is an error about the block in hand.
func (b *blockReader) damaged(format string, args ...any) error {
	return fmt.Errorf("%w: in the block at byte %d: %w", ErrSnapshot, b.start, fmt.Errorf(format, args...))
}

func (b *blockReader) full(p []byte) error {
	n, err := io.ReadFull(b.r, p)
	b.next += int64(n)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return b.damaged("it ends at byte %d: %w", b.next, io.ErrUnexpectedEOF)
	} else if err != nil {
		return b.damaged("%w", err)
	}
	return nil
}

func (b *blockReader) magic() error {
	h := make([]byte, len(snapshotMagic)+1)
	if err := b.full(h); err != nil {
		return err
	}
	if string(h[:len(snapshotMagic)]) != snapshotMagic {
		return b.damaged("it is not a keyval snapshot")
	}
	switch v := h[len(snapshotMagic)]; {
	case v > snapshotVersion:
		return fmt.Errorf("%w (snapshot version %d at byte %d, this build knows up to %d)",
			ErrSnapshotVersion, v, len(snapshotMagic), snapshotVersion)
	case v < snapshotVersion:
		return b.damaged("version %d was never written", v)
	}
	return nil
}

// block reads the next block. Its raw bytes are overwritten by the next call.
func (b *blockReader) block() (kind byte, raw []byte, err error) {
	b.start = b.next
	var h [blockHeader]byte
	if err := b.full(h[:]); err != nil {
		return 0, nil, err
	}
	size, rawSize := int64(binary.LittleEndian.Uint32(h[1:])), int64(binary.LittleEndian.Uint32(h[5:]))
	if size > maxPayload || rawSize > maxRaw || rawSize > size*maxExpansion {
		return 0, nil, b.damaged("its length of %d for %d bytes is not possible", size, rawSize)
	}
	// The buffer grows with what arrives, not with what the length claims.
	b.payload.Reset()
	n, err := io.CopyN(&b.payload, b.r, size)
	b.next += n
	if errors.Is(err, io.EOF) {
		return 0, nil, b.damaged("it ends at byte %d: %w", b.next, io.ErrUnexpectedEOF)
	} else if err != nil {
		return 0, nil, b.damaged("%w", err)
	}
	if got, want := blockSum(h[:], b.payload.Bytes()), binary.LittleEndian.Uint32(h[9:]); got != want {
		return 0, nil, b.damaged("its checksum is %08x, not %08x", got, want)
	}
	if int64(cap(b.raw)) < rawSize {
		b.raw = make([]byte, 0, rawSize)
	}
	raw, err = b.decoder.DecodeAll(b.payload.Bytes(), b.raw[:0:rawSize])
	if err != nil {
		return 0, nil, b.damaged("%w", err)
	}
	if int64(len(raw)) != rawSize {
		return 0, nil, b.damaged("it holds %d bytes, not %d", len(raw), rawSize)
	}
	return h[0], raw, nil
}

// end checks that nothing follows.
func (b *blockReader) end() error {
	b.start = b.next
	var one [1]byte
	if n, err := io.ReadFull(b.r, one[:]); n > 0 {
		return b.damaged("there should be none, behind the last")
	} else if !errors.Is(err, io.EOF) {
		return b.damaged("%w", err)
	}
	return nil
}
