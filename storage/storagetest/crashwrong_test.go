package storagetest

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"sync"

	"github.com/hashicorp/raft"

	"github.com/forkbikash/keyval/storage"
)

// crashMistake is what is wrong with a diary.
type crashMistake string

const (
	honest            crashMistake = "takes a torn record for the end, and makes no mistake"
	neverSyncs        crashMistake = "never syncs"
	neverSyncsItsName crashMistake = "does not sync the directory in which it made its file"
	syncsLate         crashMistake = "acknowledges before it syncs"
	deletesInPieces   crashMistake = "deletes the tail from its lower end, one entry at a time"
	keepsItsTail      crashMistake = "leaves a torn record where it is and writes behind it"
	opensOnlyWhole    crashMistake = "does not open when a record is torn"
	ignoresErrors     crashMistake = "ignores that a sync failed"
	triesAgain        crashMistake = "syncs again when a sync failed"
	goesOn            crashMistake = "writes on after an error"
	recoversLoosely   crashMistake = "does not sync any more once it has found a torn record"
	tearsVotes        crashMistake = "writes a vote in two records"
	exitsClean        crashMistake = "ends the process as if all was well when a write fails"
)

// diary is a log store that writes down what it is asked to do: one file of
// records, each with its length and checksum, read from the beginning when it
// is opened.
type diary struct {
	mistake crashMistake

	mu    sync.Mutex
	file  *os.File
	end   int64
	logs  map[uint64]*raft.Log
	keys  map[string][]byte
	term  []byte // of a vote whose candidate has not come yet
	wrong error  // the first error of a write
	loose bool
}

// diaryRecord is one change.
type diaryRecord struct {
	Logs      []*raft.Log       `json:",omitempty"`
	Low, High uint64            `json:",omitempty"`
	Keys      map[string][]byte `json:",omitempty"`
}

func openDiary(m crashMistake) storage.Opener {
	return func(dir string, _ storage.Options) (storage.Store, error) {
		d := &diary{mistake: m, logs: make(map[uint64]*raft.Log), keys: make(map[string][]byte)}
		var err error
		if d.file, err = os.OpenFile(filepath.Join(dir, "diary"), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
			return nil, err
		}
		if m != neverSyncsItsName {
			if err := syncPath(dir); err != nil {
				return nil, errors.Join(err, d.file.Close())
			}
		}
		if err := d.readAll(); err != nil {
			return nil, errors.Join(err, d.file.Close())
		}
		return d, nil
	}
}

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

const diaryHeader = 8

func (d *diary) readAll() error {
	all, err := os.ReadFile(d.file.Name())
	if err != nil {
		return err
	}
	for len(all) >= diaryHeader {
		size := int(binary.LittleEndian.Uint32(all))
		if size == 0 || size > len(all)-diaryHeader {
			break
		}
		body := all[diaryHeader:][:size]
		whole := crc32.ChecksumIEEE(body) == binary.LittleEndian.Uint32(all[4:])
		var r diaryRecord
		if !whole || json.Unmarshal(body, &r) != nil {
			break
		}
		d.apply(r)
		all = all[diaryHeader+size:]
		d.end += int64(diaryHeader + size)
	}
	d.loose = d.mistake == recoversLoosely && len(all) > 0
	switch {
	case len(all) == 0:
		return nil
	case d.mistake == opensOnlyWhole:
		return errors.New("a record is torn")
	case d.mistake == keepsItsTail:
		d.end += int64(len(all))
		return nil
	}
	return errors.Join(d.file.Truncate(d.end), d.file.Sync())
}

func (d *diary) apply(r diaryRecord) {
	for _, l := range r.Logs {
		d.logs[l.Index] = l
	}
	for i := r.Low; i <= r.High && r.High > 0; i++ {
		delete(d.logs, i)
	}
	for k, v := range r.Keys {
		d.keys[k] = v
	}
}

func (d *diary) add(r diaryRecord) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.wrong != nil && d.mistake != goesOn {
		return d.wrong
	}
	if d.wrong = d.append(r); d.wrong != nil {
		if d.mistake == exitsClean {
			os.Exit(0) //nolint:revive,gocritic // the mistake
		}
		return d.wrong
	}
	d.apply(r)
	return nil
}

func (d *diary) append(r diaryRecord) error {
	body, err := json.Marshal(r)
	if err != nil {
		return err
	}
	record := binary.LittleEndian.AppendUint32(nil, uint32(len(body)))
	record = binary.LittleEndian.AppendUint32(record, crc32.ChecksumIEEE(body))
	record = append(record, body...)
	if d.mistake == syncsLate {
		if err := d.file.Sync(); err != nil {
			return err
		}
	}
	if _, err := d.file.WriteAt(record, d.end); err != nil {
		return err
	}
	if err := d.sync(); err != nil {
		return err
	}
	d.end += int64(len(record))
	return nil
}

func (d *diary) sync() error {
	if d.mistake == neverSyncs || d.mistake == syncsLate || d.loose {
		return nil
	}
	err := d.file.Sync()
	switch {
	case d.mistake == ignoresErrors:
		return nil
	case d.mistake == triesAgain && err != nil:
		return d.file.Sync()
	}
	return err
}

func (d *diary) bounds() (first, last uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range d.logs {
		if first == 0 || i < first {
			first = i
		}
		last = max(last, i)
	}
	return first, last
}

func (d *diary) FirstIndex() (uint64, error) { first, _ := d.bounds(); return first, nil }
func (d *diary) LastIndex() (uint64, error)  { _, last := d.bounds(); return last, nil }

func (d *diary) GetLog(index uint64, l *raft.Log) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	found, ok := d.logs[index]
	if !ok {
		return raft.ErrLogNotFound
	}
	*l = *found
	return nil
}

func (d *diary) StoreLog(l *raft.Log) error     { return d.StoreLogs([]*raft.Log{l}) }
func (d *diary) StoreLogs(ls []*raft.Log) error { return d.add(diaryRecord{Logs: ls}) }

func (d *diary) DeleteRange(low, high uint64) error {
	if d.mistake != deletesInPieces {
		return d.add(diaryRecord{Low: low, High: high})
	}
	for i := low; i <= high; i++ {
		if err := d.add(diaryRecord{Low: i, High: i}); err != nil {
			return err
		}
	}
	return nil
}

func (d *diary) Set(key, value []byte) error {
	keys := map[string][]byte{string(key): value}
	if string(key) == string(crashVoteCand) && d.term != nil {
		keys[string(crashVoteTerm)] = d.term
		d.term = nil
	}
	return d.add(diaryRecord{Keys: keys})
}

func (d *diary) SetUint64(key []byte, value uint64) error {
	number := binary.BigEndian.AppendUint64(nil, value)
	if string(key) == string(crashVoteTerm) && d.mistake != tearsVotes {
		d.term = number
		return nil
	}
	return d.Set(key, number)
}

func (d *diary) Get(key []byte) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	value, ok := d.keys[string(key)]
	if !ok {
		return nil, errors.New("not found")
	}
	return value, nil
}

func (d *diary) GetUint64(key []byte) (uint64, error) {
	value, err := d.Get(key)
	if err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint64(value), nil
}

func (d *diary) Close() error { return d.file.Close() }
