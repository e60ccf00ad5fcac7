package filelog_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/storagetest"

	"github.com/forkbikash/keyval/examples/custom-backend/filelog"
)

func TestStore(t *testing.T) { storagetest.Run(t, filelog.Open) }

func TestCrash(t *testing.T) { storagetest.Crash(t, filelog.Open) }

// fill stores entry 1, then entry 2, and returns the file with both, and how
// long it was with one.
func fill(t *testing.T) (content []byte, one int) {
	t.Helper()
	dir := t.TempDir()
	s, err := filelog.Open(dir, storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := uint64(1); i <= 2; i++ {
		if err := s.StoreLog(&raft.Log{Index: i, Term: 1, Data: []byte("data")}); err != nil {
			t.Fatal(err)
		}
		one = len(content)
		if content, err = os.ReadFile(filepath.Join(dir, "log")); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return content, one
}

// reopen opens a store whose file was changed behind its back.
func reopen(t *testing.T, content []byte) (last uint64, err error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "log"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := filelog.Open(dir, storage.Options{})
	if err != nil {
		return 0, err
	}
	if last, err = s.LastIndex(); err != nil {
		t.Fatal(err)
	}
	if err := s.StoreLog(&raft.Log{Index: last + 1, Term: 2}); err != nil {
		t.Errorf("append to what was opened: %v", err)
	}
	return last, s.Close()
}

func TestTornTailIsCutOff(t *testing.T) {
	whole, one := fill(t)
	for size := one; size <= len(whole); size++ {
		want := uint64(1)
		if size == len(whole) {
			want = 2
		}
		if last, err := reopen(t, whole[:size]); err != nil || last != want {
			t.Errorf("cut to %d bytes: got last index %d, error %v; want %d", size, last, err, want)
		}
	}
}

func TestDamageIsNotTakenForATornTail(t *testing.T) {
	whole, one := fill(t)
	for i := range one {
		damaged := append([]byte{}, whole...)
		damaged[i] ^= 1
		if last, err := reopen(t, damaged); err == nil {
			t.Errorf("byte %d: it opens with last index %d", i, last)
		}
	}
}

func TestOtherVersionIsRefused(t *testing.T) {
	whole, _ := fill(t)
	other := strings.Replace(string(whole), "filelog 1\n", "filelog 2\n", 1)
	if _, err := reopen(t, []byte(other)); err == nil || !strings.Contains(err.Error(), "version") {
		t.Errorf("got %v, want it to speak of the version", err)
	}
}
