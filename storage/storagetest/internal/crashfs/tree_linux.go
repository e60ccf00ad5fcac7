package crashfs

import (
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// cacheSeconds is how long the kernel may keep what it was told of a file: for
// good, since nobody else changes any.
const cacheSeconds = 3600

// tree is what FUSE asks: nodes by number, and the listings that are open.
type tree struct {
	fuse.RawFileSystem

	mu    sync.Mutex
	disks map[string]*Disk
	nodes map[uint64]*known
	ids   map[*node]uint64
	lists map[uint64][]fuse.DirEntry
	next  uint64
}

// known is a node that the kernel knows, as often as it was told.
type known struct {
	node    *node
	lookups uint64
}

func newTree() *tree {
	return &tree{
		RawFileSystem: fuse.NewDefaultRawFileSystem(),
		disks:         make(map[string]*Disk),
		nodes:         make(map[uint64]*known),
		ids:           make(map[*node]uint64),
		lists:         make(map[uint64][]fuse.DirEntry),
		next:          fuse.FUSE_ROOT_ID,
	}
}

func (*tree) String() string { return "crashfs" }

func (t *tree) attach(name string, d *Disk) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.disks[name] = d
}

// at returns the node and locks its disk; of the mount point itself there is
// none.
func (t *tree) at(id uint64) (*node, func()) {
	t.mu.Lock()
	k := t.nodes[id]
	t.mu.Unlock()
	if k == nil {
		return nil, func() {}
	}
	k.node.disk.mu.Lock()
	return k.node, k.node.disk.mu.Unlock
}

// peek returns the node without locking its disk.
func (t *tree) peek(id uint64) *node {
	t.mu.Lock()
	defer t.mu.Unlock()
	if k := t.nodes[id]; k != nil {
		return k.node
	}
	return nil
}

// tell lets the kernel know n.
func (t *tree) tell(n *node, out *fuse.EntryOut) {
	t.mu.Lock()
	defer t.mu.Unlock()
	id, ok := t.ids[n]
	if !ok {
		t.next++
		id = t.next
		t.ids[n] = id
		t.nodes[id] = &known{node: n}
	}
	t.nodes[id].lookups++
	out.NodeId, out.Generation = id, 1
	out.EntryValid, out.AttrValid = cacheSeconds, cacheSeconds
	fill(n, id, &out.Attr)
}

func (t *tree) Forget(id, times uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := t.nodes[id]
	if k == nil {
		return
	}
	k.lookups -= min(times, k.lookups)
	if k.lookups == 0 {
		delete(t.nodes, id)
		delete(t.ids, k.node)
	}
}

func fill(n *node, id uint64, a *fuse.Attr) {
	a.Ino, a.Mode, a.Nlink, a.Blksize = id, syscall.S_IFREG|n.perm, n.links, blockSize
	if n.dir {
		a.Mode, a.Nlink = syscall.S_IFDIR|n.perm, 2
	}
	a.Size, a.Blocks = uint64(n.now.size), uint64(len(n.now.blocks))*blockSize/512
	a.Uid, a.Gid = uint32(os.Getuid()), uint32(os.Getgid())
	a.SetTimes(&n.modified, &n.modified, &n.modified)
}

func (t *tree) Lookup(_ <-chan struct{}, header *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	if header.NodeId == fuse.FUSE_ROOT_ID {
		t.mu.Lock()
		d := t.disks[name]
		t.mu.Unlock()
		if d == nil {
			return fuse.ENOENT
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		t.tell(d.root, out)
		return fuse.OK
	}
	dir, unlock := t.at(header.NodeId)
	defer unlock()
	if dir == nil || dir.names[name] == nil {
		return fuse.ENOENT
	}
	t.tell(dir.names[name], out)
	return fuse.OK
}

func (t *tree) GetAttr(_ <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	out.AttrValid = cacheSeconds
	if in.NodeId == fuse.FUSE_ROOT_ID {
		fill(&node{dir: true, perm: 0o755, modified: time.Unix(0, 0)}, in.NodeId, &out.Attr)
		return fuse.OK
	}
	n, unlock := t.at(in.NodeId)
	defer unlock()
	if n == nil {
		return fuse.ENOENT
	}
	fill(n, in.NodeId, &out.Attr)
	return fuse.OK
}

func (*tree) Access(<-chan struct{}, *fuse.AccessIn) fuse.Status { return fuse.OK }

func (t *tree) StatFs(_ <-chan struct{}, in *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	const plenty = 1 << 24 // blocks; 64 GiB
	out.Bsize, out.Frsize, out.NameLen = blockSize, blockSize, 255
	out.Blocks, out.Bfree, out.Files, out.Ffree = plenty, plenty, plenty, plenty
	n, unlock := t.at(in.NodeId)
	defer unlock()
	if n != nil && n.disk.limit > 0 {
		out.Blocks = uint64(n.disk.limit / blockSize)
		out.Bfree = uint64(max(0, n.disk.limit-n.disk.used()) / blockSize)
	}
	out.Bavail = out.Bfree
	return fuse.OK
}

// A listing is of the moment when the directory was opened, so that whoever
// removes what it reads misses nothing.
func (t *tree) OpenDir(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	var list []fuse.DirEntry
	dir, unlock := t.at(in.NodeId)
	defer unlock()
	if dir != nil {
		for name, n := range dir.names {
			mode := uint32(syscall.S_IFREG)
			if n.dir {
				mode = syscall.S_IFDIR
			}
			list = append(list, fuse.DirEntry{Name: name, Mode: mode})
		}
	}
	slices.SortFunc(list, func(a, b fuse.DirEntry) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	t.mu.Lock()
	defer t.mu.Unlock()
	t.next++
	out.Fh = t.next
	t.lists[out.Fh] = list
	return fuse.OK
}

func (t *tree) ReadDir(_ <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := t.lists[in.Fh]
	for i := in.Offset; i < uint64(len(list)); i++ {
		if !out.AddDirEntry(list[i]) {
			break
		}
	}
	return fuse.OK
}

func (t *tree) ReleaseDir(in *fuse.ReleaseIn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.lists, in.Fh)
}
