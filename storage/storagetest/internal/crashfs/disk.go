package crashfs

import (
	"sync"
	"syscall"
	"time"
)

// Op is what is about to happen to a disk.
type Op int

// The kinds of operation.
const (
	OpWrite Op = iota // a write, or a change of size
	OpName            // a creation, rename or removal
	OpSync            // fsync or fdatasync, of a file or directory
)

// Disk is one file system. Its methods may be called from several goroutines.
type Disk struct {
	mu    sync.Mutex
	root  *node
	seq   uint64
	watch func(Op) syscall.Errno
	limit int64
}

// NewDisk returns an empty one.
func NewDisk() *Disk {
	d := &Disk{}
	d.root = d.newNode(true, 0o755)
	return d
}

// Watch has f called before each operation that changes the disk or syncs, with
// the disk locked. An error that it returns is what the operation returns, and
// then nothing is written; a sync that fails so loses what it should have
// written. Watch(nil) ends it.
func (d *Disk) Watch(f func(Op) syscall.Errno) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.watch = f
}

// Limit makes the disk full when its files take that many bytes, in whole
// blocks. 0 is no limit.
func (d *Disk) Limit(bytes int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.limit = bytes
}

// Used returns how many bytes the files take, in whole blocks.
func (d *Disk) Used() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.used()
}

// Image returns what the disk is at this moment.
func (d *Disk) Image() *Image {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ImageLocked()
}

// ImageLocked is Image for the function given to Watch, while it is called.
func (d *Disk) ImageLocked() *Image {
	c := copier{made: make(map[*node]*node)}
	return &Image{root: c.copy(d.root)}
}

func (d *Disk) newNode(dir bool, perm uint32) *node {
	n := &node{disk: d, dir: dir, perm: perm, modified: time.Now()}
	if dir {
		n.names, n.keptNames = make(map[string]*node), make(map[string]*node)
	}
	return n
}

func (d *Disk) about(op Op) syscall.Errno {
	if d.watch == nil {
		return 0
	}
	return d.watch(op)
}

func (d *Disk) nextSeq() uint64 {
	d.seq++
	return d.seq
}

func (d *Disk) used() (bytes int64) {
	seen := make(map[*node]bool)
	var visit func(n *node)
	visit = func(n *node) {
		if seen[n] {
			return
		}
		seen[n] = true
		bytes += int64(len(n.now.blocks)) * blockSize
		for _, child := range n.names {
			visit(child)
		}
	}
	visit(d.root)
	return bytes
}

// fits says whether n can get the blocks that it lacks between off and end.
func (d *Disk) fits(n *node, off, end int64) bool {
	if d.limit == 0 {
		return true
	}
	var lacking int64
	for i := off / blockSize; i*blockSize < end; i++ {
		if _, ok := n.now.blocks[i]; !ok {
			lacking++
		}
	}
	return lacking == 0 || d.used()+lacking*blockSize <= d.limit
}

func (d *Disk) write(n *node, data []byte, off int64) syscall.Errno {
	if errno := d.about(OpWrite); errno != 0 {
		return errno
	}
	if !d.fits(n, off, off+int64(len(data))) {
		return syscall.ENOSPC
	}
	d.change(n, write{off: off, data: append([]byte(nil), data...)})
	return 0
}

func (d *Disk) resize(n *node, size int64) syscall.Errno {
	if errno := d.about(OpWrite); errno != 0 {
		return errno
	}
	d.change(n, write{off: size, resize: true})
	return 0
}

// allocate is fallocate: the blocks are there from now on, though zero.
func (d *Disk) allocate(n *node, off, end int64, keepSize bool) syscall.Errno {
	if errno := d.about(OpWrite); errno != 0 {
		return errno
	}
	if !d.fits(n, off, end) {
		return syscall.ENOSPC
	}
	if end > n.now.size && !keepSize {
		d.change(n, write{off: end, resize: true})
	}
	return 0
}

func (d *Disk) change(n *node, w write) {
	w.seq = d.nextSeq()
	w.apply(&n.now)
	n.writes = append(n.writes, w)
	n.modified = time.Now()
}

func (d *Disk) name(dir *node, sets ...binding) { d.nameAt(d.nextSeq(), dir, sets...) }

func (d *Disk) nameAt(seq uint64, dir *node, sets ...binding) {
	change := naming{seq, sets}
	change.apply(dir.names)
	dir.namings = append(dir.namings, change)
	dir.modified = time.Now()
}

func (d *Disk) sync(n *node) syscall.Errno {
	if errno := d.about(OpSync); errno != 0 {
		n.lose()
		return errno
	}
	n.sync()
	return 0
}
