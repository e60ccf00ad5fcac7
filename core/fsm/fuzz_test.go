package fsm

import (
	"bytes"
	"errors"
	"testing"
)

// FuzzRestore feeds bytes as they are, and once more as the contents of a block
// with a right checksum, which random bytes would not find.
func FuzzRestore(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte(snapshotMagic))
	f.Add(snapshotOf(f, New()))
	f.Add(snapshotOf(f, smallState(f)))
	f.Add(appendKey(nil, newRecord([]byte("key"), 1, 1, 1, []byte("value"))))
	f.Fuzz(func(t *testing.T, b []byte) {
		restoreAny(t, b)
		var framed bytes.Buffer
		w, err := newBlockWriter(&framed)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(w.start(), w.payload(blockTop, b)); err != nil {
			t.Fatal(err)
		}
		restoreAny(t, framed.Bytes())
		framed.Reset()
		sn := New().Snapshot()
		defer sn.Release()
		header := sn.header()
		header.Revision = 1 << 20
		if err := errors.Join(w.start(), w.message(blockTop, header), w.payload(blockKeys, b)); err != nil {
			t.Fatal(err)
		}
		restoreAny(t, framed.Bytes())
	})
}

func restoreAny(t *testing.T, b []byte) {
	t.Helper()
	s, err := Restore(bytes.NewReader(b))
	if err != nil {
		if s != nil || !errors.Is(err, ErrSnapshot) && !errors.Is(err, ErrSnapshotVersion) {
			t.Fatalf("Restore gave %v, %v", s, err)
		}
		return
	}
	checkInside(t, s)
	if got := writeAndRestore(t, s.Snapshot()).Summary(); got != s.Summary() {
		t.Fatalf("restored %+v, and from its own snapshot %+v", s.Summary(), got)
	}
}
