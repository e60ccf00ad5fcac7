package crashfs

import (
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// Modes of fallocate(2) and flags of renameat2(2).
const (
	keepSize  = 1
	noReplace = 1
)

func (t *tree) Create(_ <-chan struct{}, in *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	return t.make(in.NodeId, name, false, in.Mode, &out.EntryOut)
}

func (t *tree) Mkdir(_ <-chan struct{}, in *fuse.MkdirIn, name string, out *fuse.EntryOut) fuse.Status {
	return t.make(in.NodeId, name, true, in.Mode, out)
}

func (t *tree) make(parent uint64, name string, isDir bool, mode uint32, out *fuse.EntryOut) fuse.Status {
	dir, unlock := t.at(parent)
	defer unlock()
	if dir == nil {
		return fuse.EPERM // beside the disks
	}
	n, errno := dir.disk.create(dir, name, isDir, mode&0o777)
	if errno == 0 {
		t.tell(n, out)
	}
	return fuse.Status(errno)
}

func (t *tree) Link(_ <-chan struct{}, in *fuse.LinkIn, name string, out *fuse.EntryOut) fuse.Status {
	n := t.peek(in.Oldnodeid)
	dir, unlock := t.at(in.NodeId)
	defer unlock()
	if dir == nil || n == nil {
		return fuse.EPERM
	}
	errno := dir.disk.link(n, dir, name)
	if errno == 0 {
		t.tell(n, out)
	}
	return fuse.Status(errno)
}

func (t *tree) Unlink(_ <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	return t.remove(in.NodeId, name, false)
}

func (t *tree) Rmdir(_ <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	return t.remove(in.NodeId, name, true)
}

func (t *tree) remove(parent uint64, name string, isDir bool) fuse.Status {
	dir, unlock := t.at(parent)
	defer unlock()
	if dir == nil {
		return fuse.EPERM
	}
	return fuse.Status(dir.disk.remove(dir, name, isDir))
}

func (t *tree) Rename(_ <-chan struct{}, in *fuse.RenameIn, oldName, newName string) fuse.Status {
	to := t.peek(in.Newdir)
	from, unlock := t.at(in.NodeId)
	defer unlock()
	if from == nil || to == nil {
		return fuse.EPERM
	}
	if in.Flags&^noReplace != 0 {
		return fuse.EINVAL
	}
	return fuse.Status(from.disk.rename(from, oldName, to, newName, in.Flags&noReplace != 0))
}

func (t *tree) SetAttr(_ <-chan struct{}, in *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	n, unlock := t.at(in.NodeId)
	defer unlock()
	if n == nil {
		return fuse.EPERM
	}
	if size, ok := in.GetSize(); ok {
		if errno := n.disk.resize(n, int64(size)); errno != 0 {
			return fuse.Status(errno)
		}
	}
	if mode, ok := in.GetMode(); ok {
		n.perm = mode & 0o777
	}
	if at, ok := in.GetMTime(); ok {
		n.modified = at
	} else {
		n.modified = time.Now()
	}
	out.AttrValid = cacheSeconds
	fill(n, in.NodeId, &out.Attr)
	return fuse.OK
}

func (t *tree) Open(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	n, unlock := t.at(in.NodeId)
	defer unlock()
	if n == nil {
		return fuse.EPERM
	}
	out.OpenFlags = fuse.FOPEN_KEEP_CACHE
	return fuse.OK
}

func (t *tree) Read(_ <-chan struct{}, in *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	n, unlock := t.at(in.NodeId)
	defer unlock()
	if n == nil {
		return nil, fuse.EIO
	}
	return fuse.ReadResultData(buf[:n.now.read(buf, int64(in.Offset))]), fuse.OK
}

func (t *tree) Write(_ <-chan struct{}, in *fuse.WriteIn, data []byte) (uint32, fuse.Status) {
	n, unlock := t.at(in.NodeId)
	defer unlock()
	if n == nil {
		return 0, fuse.EIO
	}
	if errno := n.disk.write(n, data, int64(in.Offset)); errno != 0 {
		return 0, fuse.Status(errno)
	}
	return uint32(len(data)), fuse.OK
}

func (t *tree) Fallocate(_ <-chan struct{}, in *fuse.FallocateIn) fuse.Status {
	n, unlock := t.at(in.NodeId)
	defer unlock()
	if n == nil {
		return fuse.EIO
	}
	if in.Mode&^keepSize != 0 {
		return fuse.Status(syscall.EOPNOTSUPP)
	}
	return fuse.Status(n.disk.allocate(n, int64(in.Offset), int64(in.Offset+in.Length), in.Mode&keepSize != 0))
}

// Closing a file writes nothing that was not written.
func (*tree) Flush(<-chan struct{}, *fuse.FlushIn) fuse.Status { return fuse.OK }
func (*tree) Release(<-chan struct{}, *fuse.ReleaseIn)         {}

func (t *tree) Fsync(_ <-chan struct{}, in *fuse.FsyncIn) fuse.Status { return t.sync(in.NodeId) }

func (t *tree) FsyncDir(_ <-chan struct{}, in *fuse.FsyncIn) fuse.Status { return t.sync(in.NodeId) }

func (t *tree) sync(id uint64) fuse.Status {
	n, unlock := t.at(id)
	defer unlock()
	if n == nil {
		return fuse.OK // the mount point
	}
	return fuse.Status(n.disk.sync(n))
}
