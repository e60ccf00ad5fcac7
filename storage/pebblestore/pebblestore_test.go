package pebblestore

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
)

func openStore(t *testing.T, dir string, o storage.Options) *Store {
	t.Helper()
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s.(*Store)
}

func TestFormatTellsDamageFromATornTail(t *testing.T) {
	s := openStore(t, t.TempDir(), storage.Options{})
	if got := s.db.FormatMajorVersion(); got < pebble.FormatWALSyncChunks {
		t.Errorf("got format %v, want %v or newer", got, pebble.FormatWALSyncChunks)
	}
}

// TestDamageInTheMiddleIsFound flips a bit of a synced entry that others follow,
// with enough between it and the end that pebble can tell: see the package
// documentation.
func TestDamageInTheMiddleIsFound(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir, storage.Options{})
	padding := strings.Repeat("x", 10<<10)
	for i := uint64(1); i <= 20; i++ {
		if err := s.StoreLog(&raft.Log{Index: i, Term: 1, Data: fmt.Appendf(nil, "find me %03d %s", i, padding)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	logs, err := filepath.Glob(filepath.Join(dir, treeName, "*.log"))
	if err != nil {
		t.Fatal(err)
	}
	damaged := 0
	for _, path := range logs {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		at := bytes.Index(content, []byte("find me 010"))
		if at < 0 {
			continue
		}
		content[at] ^= 1
		damaged++
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if damaged != 1 {
		t.Fatalf("damaged %d files of %v, want one", damaged, logs)
	}
	reopened, err := Open(dir, storage.Options{})
	if err == nil {
		last, _ := reopened.LastIndex()
		t.Errorf("got no error from opening (last index %d), want the damage found", last)
		_ = reopened.Close()
	}
}

func TestOpenAfterCreationWasCutShort(t *testing.T) {
	dir := t.TempDir()
	draft := filepath.Join(dir, draftName)
	if err := os.Mkdir(draft, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(draft, "MANIFEST-000001"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := openStore(t, dir, storage.Options{})
	if _, err := os.Stat(draft); !os.IsNotExist(err) {
		t.Errorf("got %v for the draft, want it gone", err)
	}
	if err := s.StoreLog(&raft.Log{Index: 1}); err != nil {
		t.Error(err)
	}
}

func TestFatalfDoesNotReturn(t *testing.T) {
	var heard bytes.Buffer
	l := slogLogger{slog.New(slog.NewTextHandler(&heard, nil))}
	defer func() {
		got := fmt.Sprint(recover())
		if !strings.Contains(got, "fatal commit error: disk on fire") {
			t.Errorf("got panic %q, want the reason in it", got)
		}
		if !strings.Contains(heard.String(), "level=ERROR") || !strings.Contains(heard.String(), "disk on fire") {
			t.Errorf("got log %q, want the reason as an error", heard.String())
		}
	}()
	l.Fatalf("fatal commit error: %v", "disk on fire")
	t.Error("Fatalf returned")
}

func TestSettings(t *testing.T) {
	openStore(t, t.TempDir(), storage.Options{Arg: "memtable=1MiB,cache=2MiB"})
	_, err := Open(t.TempDir(), storage.Options{Arg: "wal=off"})
	if want := "it takes memtable=SIZE (1MiB to 1GiB), cache=SIZE"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want an error with %q", err, want)
	}
}

// pebble would try for ever to write a table to a disk that is full.
func TestFailedBackgroundWorkEndsTheProcess(t *testing.T) {
	mem := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpCreate && strings.HasSuffix(op.Path, ".sst") {
			return syscall.ENOSPC
		}
		return nil
	}))
	died := make(chan any, 1)
	opts := treeOptions(storage.Options{}, defaultMemtable, defaultCache)
	opts.FS = mem
	end := opts.EventListener.BackgroundError
	opts.EventListener.BackgroundError = func(err error) {
		defer func() {
			select {
			case died <- recover():
			default:
			}
			runtime.Goexit() // in place of the end of the process
		}()
		end(err)
	}
	db, err := pebble.Open("", opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Set([]byte("k"), []byte("v"), pebble.Sync); err != nil {
		t.Fatal(err)
	}
	if _, err := db.AsyncFlush(); err != nil {
		t.Fatal(err)
	}
	if reason := fmt.Sprint(<-died); !strings.Contains(reason, "no space left") {
		t.Errorf("died of %q, want the error of the disk", reason)
	}
}
