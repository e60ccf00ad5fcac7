package command

import (
	"bytes"
	"errors"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"pgregory.net/rapid"

	pb "github.com/forkbikash/keyval/core/command/commandpb"
)

// everyCommand holds one of each operation.
func everyCommand() []*pb.Command {
	return []*pb.Command{
		Noop(),
		Write(),
		Write(Put([]byte("key"), []byte("value")), Put([]byte("empty"), nil), Delete([]byte("gone"))),
		InitCluster("cluster"),
		SetMember(&pb.Member{Id: "node0", RaftAddr: "r", HttpAddr: "h", Incarnation: 7, LogStore: "wal", CommandVersion: 1, Joining: true, Transport: "tcp"}),
		RemoveMember("node0", 7, true),
		SetMinVersion(1),
	}
}

func entryOf(t testing.TB, commands ...*pb.Command) []byte {
	t.Helper()
	var marshalled [][]byte
	size := 1
	for _, c := range commands {
		b, err := Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		marshalled = append(marshalled, b)
		size += EntrySize(len(b))
	}
	entry := AppendEntry(nil, marshalled...)
	if len(entry) != size {
		t.Fatalf("the entry has %d bytes, and EntrySize says %d", len(entry), size)
	}
	return entry
}

func checkEqual(t rapid.TB, got, want []*pb.Command) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d commands came back of %d", len(got), len(want))
	}
	for i := range want {
		if !proto.Equal(got[i], want[i]) {
			t.Fatalf("command %d is %v, want %v", i, got[i], want[i])
		}
	}
}

func TestEveryOperationIsTested(t *testing.T) {
	tested := map[protoreflect.Name]bool{}
	for _, c := range everyCommand() {
		m := c.ProtoReflect()
		tested[m.WhichOneof(m.Descriptor().Oneofs().ByName("op")).Name()] = true
	}
	ops := (&pb.Command{}).ProtoReflect().Descriptor().Oneofs().ByName("op").Fields()
	for i := range ops.Len() {
		if name := ops.Get(i).Name(); !tested[name] {
			t.Errorf("no test uses the operation %s", name)
		}
	}
}

func TestDecodeGivesBackWhatWasWritten(t *testing.T) {
	want := everyCommand()
	got, err := Decode(entryOf(t, want...))
	if err != nil {
		t.Fatal(err)
	}
	checkEqual(t, got, want)
}

// The generator fills whatever fields the schema has, so that a new one is
// tested without being thought of.
func TestDecodeGivesBackEveryField(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := make([]*pb.Command, rapid.IntRange(0, 4).Draw(t, "commands"))
		var marshalled [][]byte
		for i := range want {
			want[i] = &pb.Command{}
			fill(t, want[i].ProtoReflect())
			b, err := Marshal(want[i])
			if err != nil {
				t.Fatal(err)
			}
			marshalled = append(marshalled, b)
		}
		got, err := Decode(AppendEntry(nil, marshalled...))
		if err != nil {
			t.Fatal(err)
		}
		checkEqual(t, got, want)
	})
}

// reserved are fields that version 1 refuses.
var reserved = map[protoreflect.Name]bool{"session_id": true, "request_id": true}

func fill(t *rapid.T, m protoreflect.Message) {
	descriptor := m.Descriptor()
	for i := range descriptor.Oneofs().Len() {
		choices := descriptor.Oneofs().Get(i).Fields()
		fillField(t, m, choices.Get(rapid.IntRange(0, choices.Len()-1).Draw(t, "choice")))
	}
	for i := range descriptor.Fields().Len() {
		if f := descriptor.Fields().Get(i); f.ContainingOneof() == nil && !reserved[f.Name()] {
			fillField(t, m, f)
		}
	}
}

func fillField(t *rapid.T, m protoreflect.Message, f protoreflect.FieldDescriptor) {
	switch {
	case f.IsList():
		list := m.Mutable(f).List()
		for range rapid.IntRange(0, 3).Draw(t, "length") {
			fill(t, list.AppendMutable().Message())
		}
	case f.Message() != nil:
		fill(t, m.Mutable(f).Message())
	default:
		m.Set(f, scalar(t, f))
	}
}

func scalar(t *rapid.T, f protoreflect.FieldDescriptor) protoreflect.Value {
	switch name := string(f.Name()); f.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(rapid.Bool().Draw(t, name))
	case protoreflect.Uint32Kind:
		return protoreflect.ValueOfUint32(rapid.Uint32().Draw(t, name))
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(rapid.Uint64().Draw(t, name))
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(rapid.String().Draw(t, name))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes(rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, name))
	default:
		t.Fatalf("%s has a kind that no test makes: %s", f.FullName(), f.Kind())
		panic("unreachable")
	}
}

func TestDecodeRefuses(t *testing.T) {
	write := entryOf(t, Write(Put([]byte("key"), []byte("value"))))
	for _, test := range []struct {
		name  string
		entry []byte
		want  error
	}{
		{"nothing", nil, ErrCorrupt},
		{"a newer version", append([]byte{Version + 1}, write[1:]...), ErrUnknownVersion},
		{"version 0", append([]byte{0}, write[1:]...), ErrUnknownVersion},
		{"JSON of the original program", []byte(`{"op":"set","key":"a"}`), ErrUnknownVersion},
		{"an entry cut short", write[:len(write)-1], ErrCorrupt},
		{"bytes that are no protobuf", []byte{Version, 0xff, 0xff}, ErrCorrupt},
		{"text that is not UTF-8", AppendEntry(nil, protowire.AppendBytes([]byte{0x92, 0x01}, []byte{0x0a, 1, 0xff})), ErrCorrupt},
		{"a command without an operation", entryOf(t, &pb.Command{}), ErrUnknownVersion},
		{"a mutation without an action", entryOf(t, Write(&pb.Mutation{Key: []byte("key")})), ErrUnknownVersion},
		{"a session", entryOf(t, &pb.Command{SessionId: 1, Op: Noop().Op}), ErrUnknownVersion},
		{"a request", entryOf(t, &pb.Command{RequestId: 1, Op: Noop().Op}), ErrUnknownVersion},
		{"a good command and a bad one", entryOf(t, Noop(), &pb.Command{}), ErrUnknownVersion},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got, err := Decode(test.entry); !errors.Is(err, test.want) || got != nil {
				t.Errorf("Decode gave %v, %v, want %v", got, err, test.want)
			}
		})
	}
}

// A field of the future, put into every message of every operation in turn.
func TestDecodeRefusesUnknownFieldsAnywhere(t *testing.T) {
	future := protowire.AppendVarint(protowire.AppendTag(nil, 1000, protowire.VarintType), 1)
	messages := 0
	for i, c := range everyCommand() {
		eachMessage(c.ProtoReflect(), func(m protoreflect.Message) {
			messages++
			m.SetUnknown(future)
			if _, err := Decode(entryOf(t, Noop(), c)); !errors.Is(err, ErrUnknownVersion) {
				t.Errorf("command %d with an unknown field in its %s gave %v", i, m.Descriptor().Name(), err)
			}
			m.SetUnknown(nil)
		})
	}
	if _, err := Decode(append(entryOf(t, Noop()), future...)); !errors.Is(err, ErrUnknownVersion) {
		t.Errorf("an unknown field beside the commands gave %v", err)
	}
	if messages < 18 {
		t.Errorf("only %d messages were tried", messages)
	}
}

func eachMessage(m protoreflect.Message, visit func(protoreflect.Message)) {
	visit(m)
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsList() && f.Message() != nil:
			for i := range v.List().Len() {
				eachMessage(v.List().Get(i).Message(), visit)
			}
		case f.Message() != nil:
			eachMessage(v.Message(), visit)
		}
		return true
	})
}

// The log's bytes are shared with the log store, and read again later.
func TestDecodeSharesNoMemory(t *testing.T) {
	want := everyCommand()
	entry := entryOf(t, want...)
	got, err := Decode(entry)
	if err != nil {
		t.Fatal(err)
	}
	clear(entry)
	checkEqual(t, got, want)
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{Version})
	f.Add([]byte{Version + 1, 1})
	f.Add(entryOf(f, everyCommand()...))
	for _, c := range everyCommand() {
		f.Add(entryOf(f, c))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		commands, err := Decode(b)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrUnknownVersion) {
				t.Fatalf("an error without a sentinel: %v", err)
			}
			return
		}
		again := entryOf(t, commands...)
		got, err := Decode(again)
		if err != nil {
			t.Fatalf("what was decoded cannot be encoded: %v", err)
		}
		checkEqual(t, got, commands)
		if third := entryOf(t, got...); !bytes.Equal(third, again) {
			t.Fatal("encoding is not stable")
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	const commands = 64
	batch := make([]*pb.Command, commands)
	for i := range batch {
		batch[i] = Write(Put(make([]byte, 16), make([]byte, 128)))
	}
	entry := entryOf(b, batch...)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(entry); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*commands)/b.Elapsed().Seconds(), "commands/s")
}
