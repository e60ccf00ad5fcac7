package crashfs_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math/bits"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/forkbikash/keyval/storage/storagetest/internal/crashfs"
)

// mount serves what attach gives it, and returns where.
func mount(t *testing.T) (attach func(*crashfs.Disk) string) {
	t.Helper()
	dir := t.TempDir()
	m, err := crashfs.Mount(dir)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() {
		if err := m.Unmount(); err != nil {
			t.Error(err)
		}
	})
	n := 0
	return func(d *crashfs.Disk) string {
		n++
		name := fmt.Sprintf("disk%d", n)
		m.Attach(name, d)
		return filepath.Join(dir, name)
	}
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// put writes data at off, and syncs it or not.
func put(t *testing.T, path, data string, off int64, synced bool) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	must(t, err)
	_, err = f.WriteAt([]byte(data), off)
	must(t, err)
	if synced {
		must(t, f.Sync())
	}
	must(t, f.Close())
}

func syncDir(t *testing.T, path string) {
	t.Helper()
	d, err := os.Open(path)
	must(t, err)
	must(t, d.Sync(), d.Close())
}

// listing is every file below dir with what is in it.
func listing(t *testing.T, dir string) string {
	t.Helper()
	var all []string
	must(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		all = append(all, rel+"="+string(data))
		return err
	}))
	return strings.Join(all, " ")
}

// What each case leaves on the disk, and what of it survives.
func TestWhatSurvives(t *testing.T) {
	for _, tc := range []struct {
		name string
		do   func(t *testing.T, dir string)
		now  string
		kept string
	}{
		{"nothing synced", func(t *testing.T, dir string) {
			put(t, dir+"/a", "new", 0, false)
		}, "a=new", ""},
		{"file synced and its name not", func(t *testing.T, dir string) {
			put(t, dir+"/a", "new", 0, true)
		}, "a=new", ""},
		{"name synced and the file not", func(t *testing.T, dir string) {
			put(t, dir+"/a", "new", 0, false)
			syncDir(t, dir)
		}, "a=new", "a="},
		{"both synced", func(t *testing.T, dir string) {
			put(t, dir+"/a", "new", 0, true)
			syncDir(t, dir)
		}, "a=new", "a=new"},
		{"overwritten and not synced", func(t *testing.T, dir string) {
			put(t, dir+"/a", "old", 0, true)
			syncDir(t, dir)
			put(t, dir+"/a", "NEWER", 1, false)
		}, "a=oNEWER", "a=old"},
		{"overwritten and synced", func(t *testing.T, dir string) {
			put(t, dir+"/a", "old", 0, true)
			syncDir(t, dir)
			put(t, dir+"/a", "NEWER", 1, true)
		}, "a=oNEWER", "a=oNEWER"},
		{"synced by fdatasync", func(t *testing.T, dir string) {
			put(t, dir+"/a", "old", 0, false)
			syncDir(t, dir)
			f, err := os.OpenFile(dir+"/a", os.O_RDWR|os.O_APPEND, 0)
			must(t, err)
			_, err = f.WriteString("+more")
			must(t, err, syscall.Fdatasync(int(f.Fd())), f.Close())
		}, "a=old+more", "a=old+more"},
		{"written with O_DSYNC", func(t *testing.T, dir string) {
			put(t, dir+"/a", "", 0, false)
			syncDir(t, dir)
			f, err := os.OpenFile(dir+"/a", os.O_RDWR|syscall.O_DSYNC, 0)
			must(t, err)
			_, err = f.WriteString("new")
			must(t, err, f.Close())
		}, "a=new", "a=new"},
		{"truncated and not synced", func(t *testing.T, dir string) {
			put(t, dir+"/a", "longer", 0, true)
			syncDir(t, dir)
			must(t, os.Truncate(dir+"/a", 2))
		}, "a=lo", "a=longer"},
		{"truncated, grown and synced", func(t *testing.T, dir string) {
			put(t, dir+"/a", "longer", 0, true)
			syncDir(t, dir)
			must(t, os.Truncate(dir+"/a", 2), os.Truncate(dir+"/a", 4))
			put(t, dir+"/a", "", 0, true)
		}, "a=lo\x00\x00", "a=lo\x00\x00"},
		{"allocated and synced", func(t *testing.T, dir string) {
			put(t, dir+"/a", "x", 0, false)
			syncDir(t, dir)
			f, err := os.OpenFile(dir+"/a", os.O_RDWR, 0)
			must(t, err)
			must(t, syscall.Fallocate(int(f.Fd()), 0, 0, 3), f.Sync(), f.Close())
		}, "a=x\x00\x00", "a=x\x00\x00"},
		{"renamed and not synced", func(t *testing.T, dir string) {
			put(t, dir+"/a", "data", 0, true)
			syncDir(t, dir)
			must(t, os.Rename(dir+"/a", dir+"/b"))
		}, "b=data", "a=data"},
		{"renamed over another and synced", func(t *testing.T, dir string) {
			put(t, dir+"/a", "data", 0, true)
			put(t, dir+"/b", "old", 0, true)
			syncDir(t, dir)
			must(t, os.Rename(dir+"/a", dir+"/b"))
			syncDir(t, dir)
		}, "b=data", "b=data"},
		{"removed and not synced", func(t *testing.T, dir string) {
			put(t, dir+"/a", "data", 0, true)
			syncDir(t, dir)
			must(t, os.Remove(dir+"/a"))
		}, "", "a=data"},
		{"removed and synced", func(t *testing.T, dir string) {
			put(t, dir+"/a", "data", 0, true)
			syncDir(t, dir)
			must(t, os.Remove(dir+"/a"))
			syncDir(t, dir)
		}, "", ""},
		{"directory whose parent is not synced", func(t *testing.T, dir string) {
			must(t, os.Mkdir(dir+"/sub", 0o700))
			put(t, dir+"/sub/a", "data", 0, true)
			syncDir(t, dir+"/sub")
		}, "sub/a=data", ""},
		{"moved between directories, one of them synced", func(t *testing.T, dir string) {
			must(t, os.Mkdir(dir+"/sub", 0o700))
			put(t, dir+"/a", "data", 0, true)
			syncDir(t, dir)
			must(t, os.Rename(dir+"/a", dir+"/sub/a"))
			syncDir(t, dir)
		}, "sub/a=data", "sub/a=data"},
		{"hard link not synced", func(t *testing.T, dir string) {
			put(t, dir+"/a", "data", 0, true)
			syncDir(t, dir)
			must(t, os.Link(dir+"/a", dir+"/b"))
		}, "a=data b=data", "a=data"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			attach := mount(t)
			disk := crashfs.NewDisk()
			dir := attach(disk)
			tc.do(t, dir)
			if got := listing(t, dir); got != tc.now {
				t.Errorf("before the cut: got %q, want %q", got, tc.now)
			}
			image := disk.Image()
			if got := listing(t, attach(image.Disk(crashfs.Keep{}))); got != tc.kept {
				t.Errorf("after the cut: got %q, want %q", got, tc.kept)
			}
			if got := listing(t, attach(image.Disk(crashfs.Everything))); got != tc.now {
				t.Errorf("the process killed: got %q, want %q", got, tc.now)
			}
		})
	}
}

func TestTornWrite(t *testing.T) {
	attach := mount(t)
	disk := crashfs.NewDisk()
	dir := attach(disk)
	put(t, dir+"/a", "......", 0, true)
	syncDir(t, dir)
	put(t, dir+"/a", "ab", 0, false)
	put(t, dir+"/a", "cdef", 2, false)
	image := disk.Image()
	pending := image.Pending()
	if len(pending) != 2 || pending[1].Bytes != 4 {
		t.Fatalf("got %+v, want two writes, the last of 4 bytes", pending)
	}
	for torn, want := range []string{"a=ab....", "a=abc...", "a=abcd..", "a=abcde.", "a=abcdef"} {
		keep := crashfs.Keep{Until: pending[1].Seq - 1, Torn: torn}
		if got := listing(t, attach(image.Disk(keep))); got != want {
			t.Errorf("torn at %d: got %q, want %q", torn, got, want)
		}
	}
}

// Of two sectors that were not synced each survives or not, whatever the other
// does; what was synced always does.
func TestAnyPartMaySurvive(t *testing.T) {
	attach := mount(t)
	disk := crashfs.NewDisk()
	dir := attach(disk)
	put(t, dir+"/a", strings.Repeat(".", 3*512), 0, true)
	syncDir(t, dir)
	put(t, dir+"/a", strings.Repeat("x", 2*512), 0, false)
	image := disk.Image()
	seen := make(map[string]bool)
	for seed := range uint64(64) {
		got := listing(t, attach(image.Disk(crashfs.Keep{Some: rand.New(rand.NewPCG(seed, 0))})))
		seen[got[2:3]+got[2+512:3+512]+got[2+1024:]] = true
	}
	rest := strings.Repeat(".", 512)
	for _, want := range []string{".." + rest, "x." + rest, ".x" + rest, "xx" + rest} {
		if !seen[want] {
			t.Errorf("never got %.2q", want)
		}
	}
	if len(seen) != 4 {
		t.Errorf("got %d outcomes, want 4", len(seen))
	}
}

// A sync that fails loses what it should have written; the next one succeeds
// and does not bring it back.
func TestFailedSyncLoses(t *testing.T) {
	attach := mount(t)
	disk := crashfs.NewDisk()
	dir := attach(disk)
	put(t, dir+"/a", "old", 0, true)
	syncDir(t, dir)
	f, err := os.OpenFile(dir+"/a", os.O_RDWR, 0)
	must(t, err)
	_, err = f.WriteAt([]byte("new"), 0)
	must(t, err)
	disk.Watch(func(op crashfs.Op) syscall.Errno {
		if op == crashfs.OpSync {
			return syscall.EIO
		}
		return 0
	})
	if err := f.Sync(); !errors.Is(err, syscall.EIO) {
		t.Errorf("got %v, want EIO", err)
	}
	disk.Watch(nil)
	must(t, f.Sync(), f.Close())
	if got := listing(t, dir); got != "a=new" {
		t.Errorf("still read: got %q", got)
	}
	if got := listing(t, attach(disk.Image().Disk(crashfs.Everything))); got != "a=old" {
		t.Errorf("after the cut: got %q, want a=old", got)
	}
}

func TestFullDisk(t *testing.T) {
	attach := mount(t)
	disk := crashfs.NewDisk()
	dir := attach(disk)
	put(t, dir+"/a", "x", 0, true)
	disk.Limit(2 * 4096)
	put(t, dir+"/a", "y", 4096, true)
	f, err := os.OpenFile(dir+"/a", os.O_RDWR, 0)
	must(t, err)
	if _, err := f.WriteAt([]byte("z"), 2*4096); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a third block: got %v, want ENOSPC", err)
	}
	if err := syscall.Fallocate(int(f.Fd()), 0, 0, 3*4096); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("allocating it: got %v, want ENOSPC", err)
	}
	_, err = f.WriteAt([]byte("z"), 4000)
	must(t, err, f.Close(), os.Remove(dir+"/a"))
	put(t, dir+"/b", "z", 4096, true)
}

func TestFlipChangesOneBit(t *testing.T) {
	attach := mount(t)
	disk := crashfs.NewDisk()
	dir := attach(disk)
	put(t, dir+"/a", "a", 0, true)
	must(t, os.Mkdir(dir+"/sub", 0o700))
	put(t, dir+"/sub/b", "b", 0, true)
	image := disk.Image()
	seen := make(map[string]bool)
	for seed := range uint64(200) {
		damaged := image.Disk(crashfs.Everything)
		where := damaged.Flip(rand.New(rand.NewPCG(seed, 0)))
		for _, d := range []*crashfs.Disk{damaged, damaged.Image().Disk(crashfs.Keep{})} {
			got := listing(t, attach(d))
			a, b := got[2], got[len(got)-1]
			if bits.OnesCount8(a^'a')+bits.OnesCount8(b^'b') != 1 {
				t.Fatalf("%s: got %q", where, got)
			}
		}
		seen[where] = true
	}
	if len(seen) != 16 {
		t.Errorf("got %d places, want each of 16 bits", len(seen))
	}
	if got := crashfs.NewDisk().Flip(rand.New(rand.NewPCG(1, 0))); got != "nowhere" {
		t.Errorf("without files: got %q", got)
	}
}

// The locks that the stores take.
func TestLocks(t *testing.T) {
	attach := mount(t)
	dir := attach(crashfs.NewDisk())
	put(t, dir+"/lock", "", 0, false)
	var files [2]*os.File
	for i := range files {
		f, err := os.OpenFile(dir+"/lock", os.O_RDWR, 0)
		must(t, err)
		defer f.Close() //nolint:errcheck // nothing was written
		files[i] = f
	}
	must(t, syscall.Flock(int(files[0].Fd()), syscall.LOCK_EX|syscall.LOCK_NB))
	if err := syscall.Flock(int(files[1].Fd()), syscall.LOCK_EX|syscall.LOCK_NB); !errors.Is(err, syscall.EWOULDBLOCK) {
		t.Errorf("got %v, want EWOULDBLOCK", err)
	}
}
