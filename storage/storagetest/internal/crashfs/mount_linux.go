package crashfs

import (
	"errors"
	"fmt"
	"os"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// Mounted serves disks, each in the directory of its name below the mount
// point. Names and disks can be many, but are never taken away: for that,
// unmount.
type Mounted struct {
	server *fuse.Server
	tree   *tree
}

// Mount mounts at the directory dir. It needs /dev/fuse, and root or fusermount.
func Mount(dir string) (*Mounted, error) {
	if _, err := os.Stat("/dev/fuse"); err != nil {
		return nil, fmt.Errorf("FUSE is not there: %w", err)
	}
	t := newTree()
	server, err := fuse.NewServer(t, dir, &fuse.MountOptions{
		DirectMount:              true,
		FsName:                   "crashfs",
		Name:                     "crashfs",
		MaxWrite:                 1 << 20,
		DisableXAttrs:            true,
		DisableReadDirPlus:       true,
		ExplicitDataCacheControl: true, // all changes come through the kernel, which knows what it has
	})
	if err != nil {
		return nil, fmt.Errorf("FUSE cannot be mounted: %w", err)
	}
	go server.Serve() // until Unmount, which waits for it
	if err := server.WaitMount(); err != nil {
		return nil, errors.Join(fmt.Errorf("FUSE cannot be mounted: %w", err), server.Unmount())
	}
	return &Mounted{server: server, tree: t}, nil
}

// Attach serves d in the directory name, which must be new.
func (m *Mounted) Attach(name string, d *Disk) { m.tree.attach(name, d) }

// Unmount ends it. No file may be open.
func (m *Mounted) Unmount() error { return m.server.Unmount() }
