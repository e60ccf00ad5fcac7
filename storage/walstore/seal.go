package walstore

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"
)

// A segment is sealed in two steps: an index is written at its end, and then it
// is listed as sealed together with the next one. raft-wal does not look for a
// segment that has its index and is not listed as sealed. It opens such a log,
// and takes no entry from then on. There are two ways to it:
//
//   - The process ends between the steps: while the end of the log is cut, or
//     just after the append that filled the segment. The index belongs to what
//     was acknowledged, or changes nothing of it.
//   - The write that holds the index is torn, and never was acknowledged.
//     raft-wal drops the entries, and still takes the index for good.

// settleSeal mends the newest segment of state, and returns the list to go on
// with, which differs if the segment had to be listed as sealed.
func settleSeal(vfs types.VFS, dir string, state types.PersistentState) (types.PersistentState, error) {
	if len(state.Segments) == 0 {
		return state, nil
	}
	newest := state.Segments[len(state.Segments)-1]
	if !newest.SealTime.IsZero() {
		return state, nil
	}
	last, indexStart, err := lookAtTail(vfs, dir, newest)
	if errors.Is(err, os.ErrNotExist) || (err == nil && indexStart == 0) {
		return state, nil
	}
	if err != nil {
		return state, err
	}
	beforeIndex := int64(indexStart) - frameHeader
	without, _, err := lookAtTail(shortFS{vfs, beforeIndex}, dir, newest)
	if err != nil {
		return state, err
	}
	if without == last {
		// No entry needs what is there from the index on.
		return state, zeroFrom(vfs, dir, segment.FileName(newest), beforeIndex)
	}
	// The index came with entries, in one write, and raft-wal has checked its sum.
	return listSealed(state, last, indexStart), nil
}

// frameHeader is how far before an index its frame begins.
const frameHeader = 8

// lookAtTail has raft-wal recover the segment, and says what it made of it.
func lookAtTail(vfs types.VFS, dir string, info types.SegmentInfo) (last, indexStart uint64, err error) {
	w, err := segment.NewFiler(dir, vfs).RecoverTail(info)
	if err != nil {
		return 0, 0, err
	}
	_, indexStart, err = w.Sealed()
	return w.LastIndex(), indexStart, errors.Join(err, w.Close())
}

// listSealed does to the list what raft-wal does when a segment is full.
func listSealed(state types.PersistentState, last, indexStart uint64) types.PersistentState {
	sealed := state.Segments[len(state.Segments)-1]
	next := types.SegmentInfo{
		ID:         state.NextSegmentID,
		BaseIndex:  last + 1,
		MinIndex:   last + 1,
		Codec:      sealed.Codec,
		CreateTime: time.Now(),
		SizeLimit:  sealed.SizeLimit,
	}
	sealed.SealTime, sealed.MaxIndex, sealed.IndexStart = time.Now(), last, indexStart
	segments := append([]types.SegmentInfo{}, state.Segments[:len(state.Segments)-1]...)
	return types.PersistentState{
		NextSegmentID: state.NextSegmentID + 1,
		Segments:      append(segments, sealed, next),
	}
}

// zeroFrom makes the rest of a file zero, durably, and writes only where it is
// not: a segment is mostly empty.
func zeroFrom(vfs types.VFS, dir, name string, off int64) error {
	f, err := vfs.OpenWriter(dir, name)
	if err != nil {
		return err
	}
	if err := zeroFileFrom(f, off); err != nil {
		return errors.Join(fmt.Errorf("remove the index at the end of %s: %w", name, err), f.Close())
	}
	return errors.Join(f.Sync(), f.Close())
}

func zeroFileFrom(f types.WritableFile, off int64) error {
	buf := make([]byte, 64<<10)
	for {
		n, err := f.ReadAt(buf, off)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		for _, b := range buf[:n] {
			if b == 0 {
				continue
			}
			clear(buf)
			if _, err := f.WriteAt(buf[:n], off); err != nil {
				return err
			}
			break
		}
		off += int64(n)
		if errors.Is(err, io.EOF) {
			return nil
		}
	}
}

// shortFS shows files as if they ended at a place.
type shortFS struct {
	types.VFS
	end int64
}

func (s shortFS) OpenWriter(dir, name string) (types.WritableFile, error) {
	f, err := s.VFS.OpenWriter(dir, name)
	if err != nil {
		return nil, err
	}
	return shortFile{f, s.end}, nil
}

type shortFile struct {
	types.WritableFile
	end int64
}

func (s shortFile) ReadAt(p []byte, off int64) (int, error) {
	if off >= s.end {
		return 0, io.EOF
	}
	if room := s.end - off; int64(len(p)) > room {
		n, err := s.WritableFile.ReadAt(p[:room], off)
		if err == nil {
			err = io.EOF
		}
		return n, err
	}
	return s.WritableFile.ReadAt(p, off)
}
