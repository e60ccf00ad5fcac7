package fsm_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/forkbikash/keyval/core/command"
	pb "github.com/forkbikash/keyval/core/command/commandpb"
	"github.com/forkbikash/keyval/core/fsm"
)

func Example() {
	s := fsm.New()
	s.Apply(1, 1, []*pb.Command{
		command.Write(command.Put([]byte("user1"), []byte("batman"))),
		command.Write(command.Put([]byte("user1"), []byte("robin")), command.Put([]byte("user2"), []byte("joker"))),
	})
	kv, revision, found := s.Get([]byte("user1"))
	fmt.Printf("%v at %d: %s, created at %d, modified at %d, version %d\n",
		found, revision, kv.Value, kv.CreateRevision, kv.ModRevision, kv.Version)
	// Output: true at 2: robin, created at 1, modified at 2, version 2
}

func TestWrite(t *testing.T) {
	put := func(key, value string) *pb.Mutation { return command.Put([]byte(key), []byte(value)) }
	del := func(key string) *pb.Mutation { return command.Delete([]byte(key)) }
	type kv struct {
		value                string
		create, mod, version uint64
	}
	for _, test := range []struct {
		name   string
		write  []*pb.Mutation // onto a state where revision 1 wrote a=1 and b=2
		want   fsm.Result
		wantKV map[string]kv // absent keys must not be there
	}{
		{
			"a new value",
			[]*pb.Mutation{put("a", "x")},
			fsm.Result{Revision: 2},
			map[string]kv{"a": {"x", 1, 2, 2}, "b": {"2", 1, 1, 1}},
		},
		{
			"the same value",
			[]*pb.Mutation{put("a", "1")},
			fsm.Result{Revision: 2},
			map[string]kv{"a": {"1", 1, 2, 2}, "b": {"2", 1, 1, 1}},
		},
		{
			"an empty value",
			[]*pb.Mutation{put("c", "")},
			fsm.Result{Revision: 2},
			map[string]kv{"a": {"1", 1, 1, 1}, "b": {"2", 1, 1, 1}, "c": {"", 2, 2, 1}},
		},
		{
			"a delete of a missing key",
			[]*pb.Mutation{del("c")},
			fsm.Result{Revision: 1},
			map[string]kv{"a": {"1", 1, 1, 1}, "b": {"2", 1, 1, 1}},
		},
		{
			"no mutation", nil,
			fsm.Result{Revision: 1},
			map[string]kv{"a": {"1", 1, 1, 1}, "b": {"2", 1, 1, 1}},
		},
		{
			"several keys",
			[]*pb.Mutation{put("c", "3"), del("a"), del("b"), del("d")},
			fsm.Result{Revision: 2, Deleted: 2},
			map[string]kv{"c": {"3", 2, 2, 1}},
		},
		{
			"one key twice",
			[]*pb.Mutation{put("c", "3"), put("c", "4"), put("a", "x"), put("a", "y")},
			fsm.Result{Revision: 2},
			map[string]kv{"a": {"y", 1, 2, 3}, "b": {"2", 1, 1, 1}, "c": {"4", 2, 2, 2}},
		},
		{
			"put, then delete",
			[]*pb.Mutation{put("c", "3"), del("c"), del("c")},
			fsm.Result{Revision: 2, Deleted: 1},
			map[string]kv{"a": {"1", 1, 1, 1}, "b": {"2", 1, 1, 1}},
		},
		{
			"delete, then put",
			[]*pb.Mutation{del("a"), put("a", "x")},
			fsm.Result{Revision: 2, Deleted: 1},
			map[string]kv{"a": {"x", 2, 2, 1}, "b": {"2", 1, 1, 1}},
		},
		{
			"an empty key among others",
			[]*pb.Mutation{put("a", "x"), put("", "y")},
			fsm.Result{Revision: 1, Err: fsm.ErrEmptyKey},
			map[string]kv{"a": {"1", 1, 1, 1}, "b": {"2", 1, 1, 1}},
		},
		{
			"a mutation without action",
			[]*pb.Mutation{put("a", "x"), {Key: []byte("b")}},
			fsm.Result{Revision: 1, Err: fsm.ErrUnknownCommand},
			map[string]kv{"a": {"1", 1, 1, 1}, "b": {"2", 1, 1, 1}},
		},
		{
			"a key too large",
			[]*pb.Mutation{put("a", "x"), put(string(make([]byte, 1<<16)), "y")},
			fsm.Result{Revision: 1, Err: fsm.ErrTooLarge},
			map[string]kv{"a": {"1", 1, 1, 1}, "b": {"2", 1, 1, 1}},
		},
	} {
		for _, pinned := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/pinned=%v", test.name, pinned), func(t *testing.T) {
				s := fsm.New()
				s.Apply(1, 1, []*pb.Command{command.Write(put("a", "1"), put("b", "2"))})
				if pinned {
					defer s.Snapshot().Release()
				}
				got := s.Apply(2, 1, []*pb.Command{command.Write(test.write...)})[0]
				if got.Revision != test.want.Revision || got.Deleted != test.want.Deleted || !errors.Is(got.Err, test.want.Err) {
					t.Errorf("got %+v, want %+v", got, test.want)
				}
				for _, key := range []string{"a", "b", "c", "d"} {
					it, revision, found := s.Get([]byte(key))
					want, wantFound := test.wantKV[key]
					if found != wantFound || revision != test.want.Revision || (found &&
						kv{string(it.Value), it.CreateRevision, it.ModRevision, it.Version} != want) {
						t.Errorf("%s is %+v, %v at %d, want %+v, %v", key, it, found, revision, want, wantFound)
					}
				}
				if got := s.Keys(); got != uint64(len(test.wantKV)) {
					t.Errorf("there are %d keys, want %d", got, len(test.wantKV))
				}
			})
		}
	}
}

func TestAdvance(t *testing.T) {
	s := fsm.New()
	before := s.Summary()
	s.Advance(7, 3)
	if index, term := s.Index(); index != 7 || term != 3 {
		t.Errorf("the state is at %d of term %d, want 7 of 3", index, term)
	}
	if after := s.Summary(); after.Checksum != before.Checksum || after.Revision != 0 {
		t.Errorf("an entry without commands changed %+v to %+v", before, after)
	}
}

func TestGetDoesNotAllocate(t *testing.T) {
	s := fsm.New()
	s.Apply(1, 1, []*pb.Command{command.Write(command.Put([]byte("key"), make([]byte, 1000)))})
	for _, key := range [][]byte{[]byte("key"), []byte("missing")} {
		if n := testing.AllocsPerRun(100, func() { s.Get(key) }); n != 0 {
			t.Errorf("Get(%q) allocates %v times", key, n)
		}
	}
}

// What a reader was given stays as it was.
func TestGetValueIsImmutable(t *testing.T) {
	s := fsm.New()
	value := []byte("first")
	s.Apply(1, 1, []*pb.Command{command.Write(command.Put([]byte("key"), value))})
	kv, _, _ := s.Get([]byte("key"))
	copy(value, "spoil")
	s.Apply(2, 1, []*pb.Command{command.Write(command.Put([]byte("key"), []byte("second")))})
	if string(kv.Value) != "first" || kv.Key != "key" {
		t.Errorf("%q became %q", kv.Key, kv.Value)
	}
	if cap(kv.Value) != len(kv.Value) {
		t.Error("appending to a value would write into the state")
	}
}

func BenchmarkGet(b *testing.B) {
	s := fsm.New()
	s.Apply(1, 1, []*pb.Command{command.Write(command.Put([]byte("0123456789abcdef"), make([]byte, 128)))})
	key := []byte("0123456789abcdef")
	b.ReportAllocs()
	for b.Loop() {
		s.Get(key)
	}
}
