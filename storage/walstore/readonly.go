package walstore

import (
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/hashicorp/raft-wal/types"
)

var (
	_ types.VFS          = readOnlyFS{}
	_ types.WritableFile = readOnlyFile{}
	_ types.WritableFile = emptyFile{}
)

var errReadOnlyFS = errors.New("segment file is open for reading only")

// readOnlyFS shows raft-wal the files of a directory and changes none.
type readOnlyFS struct{}

// ListDir shows nothing: raft-wal lists files only to remove those that its
// metadata does not name.
func (readOnlyFS) ListDir(string) ([]string, error) { return nil, nil }

// Create is called where the newest segment was listed but not yet made when
// its writer stopped; no entry was ever in it.
func (readOnlyFS) Create(_, _ string, _ uint64) (types.WritableFile, error) {
	return emptyFile{}, nil
}

func (readOnlyFS) Delete(_, _ string) error { return errReadOnlyFS }

func (readOnlyFS) OpenReader(dir, name string) (types.ReadableFile, error) {
	return os.Open(filepath.Join(dir, name))
}

// OpenWriter opens the newest segment, which raft-wal would append to.
func (readOnlyFS) OpenWriter(dir, name string) (types.WritableFile, error) {
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		return nil, err
	}
	return readOnlyFile{f}, nil
}

type readOnlyFile struct{ *os.File }

func (readOnlyFile) WriteAt([]byte, int64) (int, error) { return 0, errReadOnlyFS }
func (readOnlyFile) Sync() error                        { return errReadOnlyFS }

type emptyFile struct{}

func (emptyFile) ReadAt([]byte, int64) (int, error)  { return 0, io.EOF }
func (emptyFile) WriteAt([]byte, int64) (int, error) { return 0, errReadOnlyFS }
func (emptyFile) Sync() error                        { return errReadOnlyFS }
func (emptyFile) Close() error                       { return nil }
