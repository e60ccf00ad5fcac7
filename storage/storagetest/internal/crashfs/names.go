package crashfs

import "syscall"

func (d *Disk) create(dir *node, name string, isDir bool, perm uint32) (*node, syscall.Errno) {
	if dir.names[name] != nil {
		return nil, syscall.EEXIST
	}
	if errno := d.about(OpName); errno != 0 {
		return nil, errno
	}
	n := d.newNode(isDir, perm)
	n.links = 1
	d.name(dir, binding{name, n})
	return n, 0
}

func (d *Disk) link(n, dir *node, name string) syscall.Errno {
	if n.dir || n.disk != d {
		return syscall.EPERM
	}
	if dir.names[name] != nil {
		return syscall.EEXIST
	}
	if errno := d.about(OpName); errno != 0 {
		return errno
	}
	n.links++
	d.name(dir, binding{name, n})
	return 0
}

func (d *Disk) remove(dir *node, name string, wantDir bool) syscall.Errno {
	n := dir.names[name]
	switch {
	case n == nil:
		return syscall.ENOENT
	case n.dir && !wantDir:
		return syscall.EISDIR
	case !n.dir && wantDir:
		return syscall.ENOTDIR
	case len(n.names) > 0:
		return syscall.ENOTEMPTY
	}
	if errno := d.about(OpName); errno != 0 {
		return errno
	}
	n.links--
	d.name(dir, binding{name, nil})
	return 0
}

func (d *Disk) rename(from *node, oldName string, to *node, newName string, noReplace bool) syscall.Errno {
	n, replaced := from.names[oldName], to.names[newName]
	switch {
	case n == nil:
		return syscall.ENOENT
	case to.disk != d:
		return syscall.EXDEV
	case n == replaced:
		return 0
	case replaced != nil && noReplace:
		return syscall.EEXIST
	case replaced != nil && replaced.dir != n.dir:
		return syscall.EEXIST
	case replaced != nil && len(replaced.names) > 0:
		return syscall.ENOTEMPTY
	}
	if errno := d.about(OpName); errno != 0 {
		return errno
	}
	if replaced != nil {
		replaced.links--
	}
	if from == to {
		d.name(from, binding{oldName, nil}, binding{newName, n})
		return 0
	}
	// One change in two directories, which no cut comes between.
	seq := d.nextSeq()
	d.nameAt(seq, to, binding{newName, n})
	d.nameAt(seq, from, binding{oldName, nil})
	from.tie(to)
	to.tie(from)
	return 0
}

func (n *node) tie(other *node) {
	if n.tied == nil {
		n.tied = make(map[*node]bool)
	}
	n.tied[other] = true
}
