package fsm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	pb "github.com/forkbikash/keyval/core/command/commandpb"
	"github.com/forkbikash/keyval/core/fsm/snapshotpb"
)

// Most changes are caught by the block's checksum, the rest by what the fields
// must be; none is harmless, and none gives a state.
func TestRestoreDetectsDamage(t *testing.T) {
	good := snapshotOf(t, smallState(t))
	for at := range good {
		for _, flip := range []byte{1, 0x80, 0xff} {
			bad := bytes.Clone(good)
			bad[at] ^= flip
			checkRefused(t, bad, fmt.Sprintf("byte %d flipped by %x", at, flip))
		}
		checkRefused(t, good[:at], fmt.Sprintf("cut at %d", at))
	}
	checkRefused(t, append(bytes.Clone(good), 0), "a byte more")
	checkRefused(t, append(bytes.Clone(good), good...), "twice")
}

func checkRefused(t *testing.T, b []byte, what string) {
	t.Helper()
	s, err := Restore(bytes.NewReader(b))
	if s != nil || !errors.Is(err, ErrSnapshot) && !errors.Is(err, ErrSnapshotVersion) {
		t.Errorf("%s: got %v, %v", what, s, err)
	} else if !strings.Contains(err.Error(), "at byte ") {
		t.Errorf("%s: %q does not name the offset", what, err)
	}
}

func TestRestoreNamesTheBlock(t *testing.T) {
	good := snapshotOf(t, largeState(t))
	bad := bytes.Clone(good)
	bad[len(bad)/2] ^= 1
	_, err := Restore(bytes.NewReader(bad))
	var at int
	if _, scan := fmt.Sscanf(err.Error(), ErrSnapshot.Error()+": in the block at byte %d:", &at); scan != nil {
		t.Fatalf("%q: %v", err, scan)
	}
	if at == 0 || at > len(bad)/2 || good[at] != blockKeys {
		t.Errorf("%q does not name the damaged block's offset", err)
	}
}

// craft writes blocks that have right checksums and wrong contents.
func craft(t testing.TB, header *snapshotpb.Header, keys *snapshotpb.Keys, trailer *snapshotpb.Trailer) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := newBlockWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.start(), w.message(blockTop, header), w.message(blockKeys, keys), w.message(blockTrailer, trailer)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestRestoreRefusesImpossibleStates(t *testing.T) {
	key := func(key string, create, mod, version uint64) *snapshotpb.Key {
		return &snapshotpb.Key{Key: []byte(key), Versions: []*snapshotpb.Version{{CreateRevision: create, ModRevision: mod, Version: version}}}
	}
	unknown := key("a", 1, 1, 1)
	unknown.Versions[0].ProtoReflect().SetUnknown([]byte{0x7a, 0})
	top := func() *snapshotpb.Header { return &snapshotpb.Header{Index: 1, Revision: 5, MinVersion: 1} }
	strange := top()
	strange.ProtoReflect().SetUnknown([]byte{0x7a, 0})
	for _, test := range []struct {
		name   string
		header *snapshotpb.Header
		keys   []*snapshotpb.Key
	}{
		{"keys out of order", top(), []*snapshotpb.Key{key("b", 1, 1, 1), key("a", 1, 1, 1)}},
		{"a key twice", top(), []*snapshotpb.Key{key("a", 1, 1, 1), key("a", 1, 1, 1)}},
		{"an empty key", top(), []*snapshotpb.Key{key("", 1, 1, 1)}},
		{"a key of no revision", top(), []*snapshotpb.Key{key("a", 0, 1, 1)}},
		{"a key of the future", top(), []*snapshotpb.Key{key("a", 1, 6, 1)}},
		{"a key created after it was written", top(), []*snapshotpb.Key{key("a", 3, 2, 1)}},
		{"a key never written", top(), []*snapshotpb.Key{key("a", 1, 1, 0)}},
		{"a key without versions", top(), []*snapshotpb.Key{{Key: []byte("a")}}},
		{"an unknown field of a key", top(), []*snapshotpb.Key{unknown}},
		{"an unknown field of the header", strange, nil},
		{"no minimum version", &snapshotpb.Header{Revision: 5}, nil},
		{"members out of order", &snapshotpb.Header{MinVersion: 1, Members: []*pb.Member{{Id: "b"}, {Id: "a"}}}, nil},
		{"a member without id", &snapshotpb.Header{MinVersion: 1, Members: []*pb.Member{{}}}, nil},
		{"too many tombstones", &snapshotpb.Header{MinVersion: 1, RemovedIncarnations: make([]uint64, maxRemoved+1)}, nil},
		{"a wrong checksum", top(), []*snapshotpb.Key{key("a", 1, 1, 1)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			checkRefused(t, craft(t, test.header, &snapshotpb.Keys{Keys: test.keys}, &snapshotpb.Trailer{Keys: uint64(len(test.keys))}), test.name)
		})
	}
	newer := snapshotOf(t, New())
	newer[len(snapshotMagic)]++
	if _, err := Restore(bytes.NewReader(newer)); !errors.Is(err, ErrSnapshotVersion) {
		t.Errorf("a newer version gave %v", err)
	}
}

// A length that lies is not believed with memory.
func TestRestoreAllocatesWhatArrives(t *testing.T) {
	for name, b := range map[string][]byte{
		"payload": {blockTop, 0, 0, 0, 4, 0, 0, 0, 4},
		"raw":     {blockTop, 4, 0, 0, 0, 0, 0, 0, 4},
	} {
		b = append([]byte(snapshotMagic+"\x01"), append(b, make([]byte, 100)...)...)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := Restore(bytes.NewReader(b)); !errors.Is(err, ErrSnapshot) {
			t.Errorf("a lying %s length gave %v", name, err)
		}
		runtime.ReadMemStats(&after)
		got := after.TotalAlloc - before.TotalAlloc
		if got > 1<<20 {
			t.Errorf("a lying %s length made Restore allocate %d bytes", name, got)
		}
	}
}

func TestRestorePassesTheReadersError(t *testing.T) {
	broken := errors.New("broken")
	good := snapshotOf(t, smallState(t))
	for _, at := range []int{0, 5, 20, len(good) - 3, len(good)} {
		_, err := Restore(io.MultiReader(bytes.NewReader(good[:at]), readerFunc(func([]byte) (int, error) { return 0, broken })))
		if !errors.Is(err, broken) {
			t.Errorf("a reader that breaks at %d gave %v", at, err)
		}
	}
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
