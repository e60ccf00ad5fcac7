package pebblestore

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// TestEntryKeepsEveryField fills each field of raft.Log by reflection, so that
// one added by a new version of Raft cannot be forgotten.
func TestEntryKeepsEveryField(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		var want raft.Log
		fillRandom(t, rng, reflect.ValueOf(&want).Elem())
		got, err := decodeEntry(appendEntry(nil, &want))
		if err != nil {
			t.Fatalf("decode %+v: %v", want, err)
		}
		if !got.AppendedAt.Equal(want.AppendedAt) {
			t.Fatalf("got AppendedAt %v, want %v", got.AppendedAt, want.AppendedAt)
		}
		got.AppendedAt = want.AppendedAt // the location may differ
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	}
}

func fillRandom(t *testing.T, rng *rand.Rand, v reflect.Value) {
	t.Helper()
	for i := range v.NumField() {
		switch f := v.Field(i); f.Interface().(type) {
		case uint64, raft.LogType:
			f.SetUint(rng.Uint64() >> rng.UintN(64) & (1<<f.Type().Bits() - 1))
		case []byte:
			if n := rng.IntN(40); n > 0 { // nil, empty or some
				b := make([]byte, n-1)
				for j := range b {
					b[j] = byte(rng.Uint32())
				}
				f.SetBytes(b)
			}
		case time.Time:
			if rng.IntN(4) > 0 {
				f.Set(reflect.ValueOf(time.Unix(rng.Int64N(1<<40)-1<<39, rng.Int64N(1e9))))
			}
		default:
			t.Fatalf("raft.Log has a field %s of a type this test does not know", v.Type().Field(i).Name)
		}
	}
}

func TestDecodeEntryRefuses(t *testing.T) {
	whole := appendEntry(nil, &raft.Log{Index: 7, Term: 3, Data: []byte("data"), Extensions: []byte("ext"), AppendedAt: time.Unix(1, 2)})
	for name, tc := range map[string]struct {
		entry []byte
		want  string
	}{
		"nothing":         {nil, "damaged"},
		"another version": {append([]byte{2}, whole[1:]...), "version 2"},
		"unknown field":   {append([]byte{1, 0x80}, whole[2:]...), "damaged"},
		"cut short":       {whole[:len(whole)-1], "damaged"},
		"something after": {append(bytes.Clone(whole), 0), "damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := decodeEntry(tc.entry)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
		})
	}
}

func FuzzDecodeEntry(f *testing.F) {
	f.Add([]byte{})
	f.Add(appendEntry(nil, &raft.Log{}))
	f.Add(appendEntry(nil, &raft.Log{Index: 1 << 40, Term: 9, Type: raft.LogConfiguration, Data: []byte("d"), Extensions: []byte{}, AppendedAt: time.Unix(-5, 999999999)}))
	f.Fuzz(func(t *testing.T, b []byte) {
		first, err := decodeEntry(b)
		if err != nil {
			return
		}
		second, err := decodeEntry(appendEntry(nil, &first))
		if err != nil {
			t.Fatalf("decode what was just encoded from %+v: %v", first, err)
		}
		if !reflect.DeepEqual(first, second) {
			t.Fatalf("got %+v, want %+v", second, first)
		}
	})
}
