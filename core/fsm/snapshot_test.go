package fsm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/forkbikash/keyval/core/command"
	pb "github.com/forkbikash/keyval/core/command/commandpb"
	"github.com/forkbikash/keyval/core/fsm/snapshotpb"
)

// smallState has something of everything.
func smallState(t testing.TB) *State {
	t.Helper()
	s := applied(t,
		command.InitCluster("one"),
		command.SetMember(member("node0", 10, 1)), command.SetMember(member("node1", 11, 1)),
		command.RemoveMember("node1", 0, true),
		command.Write(command.Put([]byte("a"), []byte("1")), command.Put([]byte("empty"), nil)),
		command.Write(command.Put([]byte("a"), []byte("2"))),
		command.Write(command.Put([]byte("\xff\x00"), bytes.Repeat([]byte("long"), 20))),
	)
	s.Advance(9, 4)
	return s
}

func snapshotOf(t testing.TB, s *State) []byte {
	t.Helper()
	sn := s.Snapshot()
	defer sn.Release()
	var b bytes.Buffer
	if _, err := sn.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestRestoreGivesBackTheState(t *testing.T) {
	for name, s := range map[string]*State{"new": New(), "small": smallState(t), "large values": largeState(t)} {
		t.Run(name, func(t *testing.T) {
			first := snapshotOf(t, s)
			restored, err := Restore(bytes.NewReader(first))
			if err != nil {
				t.Fatal(err)
			}
			if got, want := restored.Summary(), s.Summary(); got != want {
				t.Errorf("restored %+v, want %+v", got, want)
			}
			checkInside(t, restored)
			if !bytes.Equal(snapshotOf(t, restored), first) {
				t.Error("the restored state's snapshot differs")
			}
		})
	}
}

// largeState needs several blocks, one of them for a value alone.
func largeState(t testing.TB) *State {
	s := New()
	for i := range 1000 {
		applyAll(t, s, command.Write(command.Put(fmt.Appendf(nil, "key%d", i), bytes.Repeat([]byte{byte(i)}, 1000))))
	}
	incompressible := make([]byte, 3<<20)
	rand.NewChaCha8([32]byte{}).Read(incompressible) //nolint:errcheck // it cannot fail
	applyAll(t, s, command.Write(command.Put([]byte("key5x"), incompressible)))
	return s
}

// Equal states give equal bytes, however each came to be.
func TestSnapshotsOfEqualStatesAreEqual(t *testing.T) {
	one, other := New(), New()
	pinned := other.Snapshot()
	var batch []*pb.Command
	for i := range 3000 {
		key := fmt.Appendf(nil, "key%d", i*7919%1000)
		c := command.Write(command.Put(key, bytes.Repeat(key, 50)))
		if i%10 == 9 {
			c = command.Write(command.Delete(key))
		}
		applyAll(t, one, c)
		if batch = append(batch, c); len(batch) == 50 {
			applyAll(t, other, batch...)
			batch = nil
		}
		if i == 1500 {
			other = writeAndRestore(t, other.Snapshot())
		}
	}
	one.Advance(5000, 2)
	other.Advance(5000, 2)
	if !bytes.Equal(snapshotOf(t, one), snapshotOf(t, other)) {
		t.Error("the snapshots differ")
	}
	pinned.Release()
	if !bytes.Equal(snapshotOf(t, one), snapshotOf(t, one)) {
		t.Error("a second snapshot differs")
	}
}

// writerFunc is called between the blocks of a snapshot.
type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// While a snapshot is written, every key changes, goes and comes.
func TestSnapshotIsOfItsMoment(t *testing.T) {
	s := largeState(t)
	want := snapshotOf(t, s)
	sn := s.Snapshot()
	random := rand.New(rand.NewPCG(5, 6))
	churn := func() {
		for range 300 {
			key := fmt.Appendf(nil, "key%d", random.IntN(1200))
			m := command.Put(key, []byte("new"))
			if random.IntN(3) == 0 {
				m = command.Delete(key)
			}
			applyAll(t, s, command.Write(m), command.SetMember(member("node"+string(key), random.Uint64(), 1)))
		}
	}
	churn()
	var b bytes.Buffer
	writes := 0
	if _, err := sn.WriteTo(writerFunc(func(p []byte) (int, error) {
		writes++
		churn()
		return b.Write(p)
	})); err != nil {
		t.Fatal(err)
	}
	if writes < 8 {
		t.Errorf("it took only %d writes", writes)
	}
	if !bytes.Equal(b.Bytes(), want) {
		t.Error("the snapshot is not the one of its moment")
	}
	checkInside(t, s)
	sn.Release()
	checkDropped(t, s)
}

// checkDropped checks that nothing is kept for readers that are gone.
func checkDropped(t *testing.T, s *State) {
	t.Helper()
	checkInside(t, s)
	entries := uint64(0)
	s.space.ascend("", func(e *version) bool {
		if entries++; e.older != nil {
			t.Fatalf("%q still has an older version", e.rec.key())
		}
		return true
	})
	if entries != s.Keys() || len(s.pins) != 0 {
		t.Errorf("%d entries and %d pins are left, want %d and none", entries, len(s.pins), s.Keys())
	}
}

// Pins of several revisions, released in every kind of order.
func TestReleaseDropsVersions(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for range 20 {
		s := New()
		var snapshots []*Snapshot
		for range 3000 {
			key := fmt.Appendf(nil, "key%d", random.IntN(100))
			m := command.Put(key, []byte("value"))
			if random.IntN(3) == 0 {
				m = command.Delete(key)
			}
			applyAll(t, s, command.Write(m))
			if random.IntN(100) == 0 {
				snapshots = append(snapshots, s.Snapshot(), s.Snapshot())
			}
		}
		for _, i := range random.Perm(len(snapshots)) {
			snapshots[i].Release()
			checkInside(t, s)
		}
		checkDropped(t, s)
	}
}

// A pin holds one old version of a key, however often it changes.
func TestPinKeepsOneVersion(t *testing.T) {
	s := applied(t, command.Write(command.Put([]byte("key"), []byte("first"))))
	sn := s.Snapshot()
	for i := range 100 {
		applyAll(t, s, command.Write(command.Put([]byte("key"), fmt.Append(nil, i))))
	}
	if got := len(sn.pin.noted); got != 1 {
		t.Errorf("the pin keeps %d versions, want 1", got)
	}
	sn.Release()
	checkDropped(t, s)
}

func TestWriteToPassesTheWritersError(t *testing.T) {
	broken := errors.New("broken")
	sn := smallState(t).Snapshot()
	defer sn.Release()
	for calls := range 4 {
		n, err := sn.WriteTo(writerFunc(func(p []byte) (int, error) {
			if calls--; calls < 0 {
				return 0, broken
			}
			return len(p), nil
		}))
		if !errors.Is(err, broken) {
			t.Errorf("WriteTo gave %d, %v", n, err)
		}
	}
	if _, err := sn.WriteTo(writerFunc(func(p []byte) (int, error) { return len(p) - 1, nil })); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("a short write gave %v", err)
	}
}

// The hand-written encoding of keys is the one of the schema.
func TestKeyBlockIsTheSchemas(t *testing.T) {
	var raw []byte
	want := &snapshotpb.Keys{}
	for i, n := range []uint64{1, 127, 128, 1 << 30, 1<<64 - 1} {
		key, value := bytes.Repeat([]byte("k"), 1+i*200), bytes.Repeat([]byte("v"), i*200)
		raw = appendKey(raw, newRecord(key, n, n, n, value))
		want.Keys = append(want.Keys, &snapshotpb.Key{Key: key, Versions: []*snapshotpb.Version{{
			CreateRevision: n, ModRevision: n, Version: n, Value: value,
		}}})
	}
	generated, err := proto.MarshalOptions{Deterministic: true}.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(raw, generated) {
		t.Fatalf("the block is\n%x, want\n%x", raw, generated)
	}
	got := &snapshotpb.Keys{}
	if err := eachField(raw, func(_ protowire.Number, _ uint64, message []byte) error {
		var k keyMessage
		err := k.parse(message)
		got.Keys = append(got.Keys, &snapshotpb.Key{Key: k.key, Versions: []*snapshotpb.Version{{
			CreateRevision: k.create, ModRevision: k.mod, Version: k.version, Value: k.value,
		}}})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(got, want) {
		t.Errorf("parsed\n%v, want\n%v", got, want)
	}
}
