package fsm

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// keyspaceModel follows a keyspace with a sorted list.
type keyspaceModel struct {
	*keyspace
	keys []string
}

func (k *keyspaceModel) add(key string) {
	if at, found := slices.BinarySearch(k.keys, key); !found {
		k.keys = slices.Insert(k.keys, at, key)
		k.insert(k.table.hash([]byte(key)), newRecord([]byte(key), 1, 1, 1, nil))
	}
}

func (k *keyspaceModel) drop(t *testing.T, key string) {
	t.Helper()
	s, found := k.table.find(k.table.hash([]byte(key)), []byte(key))
	at, want := slices.BinarySearch(k.keys, key)
	if found != want {
		t.Fatalf("find(%q) is %v, want %v", key, found, want)
	}
	if found {
		k.keys = slices.Delete(k.keys, at, at+1)
		k.remove(s)
	}
}

func (k *keyspaceModel) check(t *testing.T, after string) {
	t.Helper()
	at, found := slices.BinarySearch(k.keys, after)
	if found {
		at++
	}
	k.ascend(after, func(e *version) bool {
		if at == len(k.keys) || e.rec.key() != k.keys[at] {
			t.Fatalf("above %q, %q is listed as key %d of %d", after, e.rec.key(), at, len(k.keys))
		}
		at++
		return true
	})
	if at != len(k.keys) {
		t.Fatalf("above %q, the list ends after %d of %d keys", after, at, len(k.keys))
	}
	for _, key := range k.keys {
		if s, ok := k.table.find(k.table.hash([]byte(key)), []byte(key)); !ok || k.entries.key(s) != key {
			t.Fatalf("%q is not found", key)
		}
	}
}

// A small fan-out makes a tree of several levels, which split and merge.
func TestKeyspaceGrowsAndShrinks(t *testing.T) {
	const n = 12_000
	random := rand.New(rand.NewPCG(3, 4))
	for _, order := range []struct {
		name string
		key  func(i int) string
	}{
		{"ascending", func(i int) string { return fmt.Sprintf("key%06d", i) }},
		{"descending", func(i int) string { return fmt.Sprintf("key%06d", n-i) }},
		{"random", func(int) string { return fmt.Sprintf("key%06d", random.IntN(n)) }},
	} {
		t.Run(order.name, func(t *testing.T) {
			k := &keyspaceModel{keyspace: newKeyspace()}
			k.ordered.fanout = 4
			for round := range 2 {
				for i := range n {
					k.add(order.key(i))
				}
				k.check(t, "")
				k.check(t, order.key(n/2))
				k.check(t, order.key(n/3)+"x")
				keep := round * 100
				for len(k.keys) > keep {
					k.drop(t, k.keys[random.IntN(len(k.keys))])
					k.drop(t, "not there")
					if len(k.keys)%3000 == 0 {
						k.check(t, "")
					}
				}
				k.check(t, "")
			}
			if got := int(k.entries.used); got > n {
				t.Errorf("%d slots were handed out for %d keys at a time", got, n)
			}
		})
	}
}

// Keys that were deleted must not leave sparse leaves behind.
func TestOrderedGivesLeavesBack(t *testing.T) {
	k := &keyspaceModel{keyspace: newKeyspace()}
	for i := range 20_000 {
		k.add(fmt.Sprintf("key%06d", i))
	}
	if got, atMost := k.ordered.root.countLeaves(), 20_000/leafSlots+2; got > atMost {
		t.Errorf("keys in order take %d leaves, want at most %d", got, atMost)
	}
	for i := range 20_000 {
		if i%100 != 0 {
			k.drop(t, fmt.Sprintf("key%06d", i))
		}
	}
	k.check(t, "")
	if got := k.ordered.root.countLeaves(); got > 3*200/leafSlots+3 {
		t.Errorf("200 keys take %d leaves", got)
	}
}

func (b *branch) countLeaves() int {
	n := len(b.leaves)
	for _, below := range b.branches {
		n += below.countLeaves()
	}
	return n
}

func TestBetween(t *testing.T) {
	for _, test := range []struct{ left, right, want string }{
		{"a", "b", "b"},
		{"a", "aa", "aa"},
		{"user/1999", "user/2000", "user/2"},
		{"a", "a\x00\x00", "a\x00"},
		{"\xfe\xff", "\xff", "\xff"},
	} {
		if got := between(test.left, test.right); got != test.want || got <= test.left || got > test.right {
			t.Errorf("between(%q, %q) is %q, want %q", test.left, test.right, got, test.want)
		}
	}
}

func TestRecordKeepsItsFields(t *testing.T) {
	for _, n := range []uint64{1, 127, 128, 1 << 14, 1<<21 - 1, 1 << 21, 1 << 40, 1<<64 - 1} {
		for _, key := range []string{"k", string(make([]byte, 127)), string(make([]byte, 128)), string(make([]byte, maxKey))} {
			rec := newRecord([]byte(key), n, n-1, n/2, []byte("value"))
			if got, want := rec.fields(), (fields{n, n - 1, n / 2, "value"}); got != want || rec.key() != key {
				t.Errorf("a record of %d and a key of %d bytes has %+v", n, len(key), got)
			}
			if rec.mod() != n-1 || !rec.live() {
				t.Errorf("a record of %d has mod %d, live %v", n, rec.mod(), rec.live())
			}
			if cap(bytesOf(string(rec))) != len(rec) {
				t.Errorf("a record of %d bytes has room to be appended to", len(rec))
			}
		}
	}
	if rec := newRecord([]byte("k"), 0, 9, 0, nil); rec.live() || rec.mod() != 9 {
		t.Errorf("a tombstone is live: %v, mod %d", rec.live(), rec.mod())
	}
}
