//go:build !linux

package guard

import "os"

func syncData(f *os.File) error { return f.Sync() }
