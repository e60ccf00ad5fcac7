package guard

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
)

func someRecord() record {
	return record{low: 4, high: 1 << 40, sums: spans{{3, 9}, {20, unending}}}
}

// memFile is a file that is its content.
type memFile struct {
	content []byte
	err     error
	syncs   int
}

func (f *memFile) WriteAt(b []byte, at int64) (int, error) { return copy(f.content[at:], b), nil }
func (f *memFile) Sync() error                             { f.syncs++; return f.err }
func (f *memFile) Close() error                            { return nil }

// written is a file with first and second in it.
func written(t *testing.T, first, second record) []byte {
	t.Helper()
	f := &memFile{content: encodeMark(first)}
	if err := (&mark{file: f}).write(second); err != nil {
		t.Fatal(err)
	}
	return f.content
}

func TestMarkKeepsTheNewestRecord(t *testing.T) {
	f := &memFile{content: encodeMark(record{})}
	m := &mark{file: f}
	for i := range uint64(5) {
		want := someRecord()
		want.high += i
		want.clean = i%2 == 1
		if err := m.write(want); err != nil {
			t.Fatal(err)
		}
		got, number, err := decodeMark(f.content)
		if err != nil || number != i+1 || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, number %d, error %v; want %+v, %d", got, number, err, want, i+1)
		}
	}
	if f.syncs != 5 {
		t.Errorf("got %d syncs of 5 records", f.syncs)
	}
}

func TestTornRecordLeavesTheOneBefore(t *testing.T) {
	old, replaced, next := someRecord(), record{high: 5}, record{high: 1<<40 + 1, sums: spans{{1, 2}, {4, unending}}, clean: true}
	before := written(t, replaced, old) // next goes where replaced is
	whole := encodeRecord(next, 2)
	for n := range whole {
		torn := bytes.Clone(before)
		copy(torn[slotAt(2):], whole[:n])
		got, _, err := decodeMark(torn)
		if err != nil || !reflect.DeepEqual(got, old) {
			t.Errorf("%d bytes of the next record written: got %+v, error %v; want %+v", n, got, err, old)
		}
	}
}

func TestDamagedMarkIsAnErrorOrTheOtherRecord(t *testing.T) {
	first, second := record{high: 5, sums: spans{{0, unending}}}, someRecord()
	whole := written(t, first, second)
	for i := range whole {
		damaged := bytes.Clone(whole)
		damaged[i] ^= 0x04
		got, _, err := decodeMark(damaged)
		if err == nil && !reflect.DeepEqual(got, first) && !reflect.DeepEqual(got, second) {
			t.Fatalf("byte %d damaged: got %+v, which nobody wrote", i, got)
		}
		if i < headSize && err == nil {
			t.Errorf("byte %d of the head damaged: got no error", i)
		}
	}
	both := bytes.Clone(whole)
	both[slotAt(0)+3] ^= 1
	both[slotAt(1)+3] ^= 1
	for name, b := range map[string][]byte{"both records": both, "cut short": whole[:markSize-1], "empty": nil} {
		if _, _, err := decodeMark(b); err == nil || !strings.Contains(err.Error(), "is damaged") {
			t.Errorf("%s: got %v, want an error that says damaged", name, err)
		}
	}
}

func TestUnknownMarkVersionSaysSo(t *testing.T) {
	newer := headOf(9)
	if _, _, err := decodeMark(newer); err == nil || !strings.Contains(err.Error(), "version 9") || strings.Contains(err.Error(), "damaged") {
		t.Errorf("got %v, want an error that names version 9", err)
	}
}

func TestMarkIsNotWrittenAgainAfterAnError(t *testing.T) {
	broken := errors.New("disk on fire")
	f := &memFile{content: encodeMark(record{}), err: broken}
	m := &mark{file: f}
	if err := m.write(someRecord()); !errors.Is(err, broken) {
		t.Fatalf("got %v, want the error of the disk", err)
	}
	f.err = nil
	if err := m.write(someRecord()); !errors.Is(err, broken) || f.syncs != 1 {
		t.Errorf("afterwards: got %v after %d syncs, want the first error and no other sync", err, f.syncs)
	}
}

func FuzzDecodeMark(f *testing.F) {
	f.Add(encodeMark(someRecord()))
	f.Add(headOf(9))
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, number, err := decodeMark(b)
		if err != nil {
			return
		}
		again, same, ok := decodeRecord(append(encodeRecord(r, number), make([]byte, blockSize)...))
		if !ok || same != number || !reflect.DeepEqual(again, r) {
			t.Errorf("got %+v, number %d, written again %+v, %d", r, number, again, same)
		}
	})
}
