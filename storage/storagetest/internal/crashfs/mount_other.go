//go:build !linux

package crashfs

import "errors"

// Mounted is what Mount returns on Linux.
type Mounted struct{}

// Mount returns an error.
func Mount(string) (*Mounted, error) {
	return nil, errors.New("it needs FUSE as Linux has it")
}

// Attach is never called, for nothing is mounted.
func (*Mounted) Attach(string, *Disk) {}

// Unmount is never called, for nothing is mounted.
func (*Mounted) Unmount() error { return nil }
