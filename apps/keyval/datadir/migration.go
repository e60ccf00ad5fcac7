package datadir

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A log is migrated by making a whole copy in a directory of its own and then
// having the marker name that one: the rename of the marker is the only moment
// at which anything changes for the node, and before it and after it the marker
// names a whole log. migration.json says which copy is being made, for whoever
// goes on with it; a node that starts meanwhile knows nothing of it.

const (
	migrationName   = "migration.json"
	migrationFormat = 1
)

// A Migration is a copy of the log that is being made.
type Migration struct {
	LogStore string // the name of its log store
	Arg      string // what that was opened with
	Resumed  bool   // some of it may be there already

	from Marker // the node, and the log that is copied
	dir  string // name of the copy's directory in DIR
}

type migrationFile struct {
	Format      int    `json:"format"`
	Incarnation string `json:"incarnation"`
	From        string `json:"from"` // name of the directory that is copied
	FromStore   string `json:"from_store"`
	To          string `json:"to"`
	ToStore     string `json:"to_store"`
	ToArg       string `json:"to_arg"`
}

// BeginMigration returns the copy to make of the log for the log store of that
// name and settings: the one that was being made, or a new one. A copy of
// something else is removed.
func (d *Dir) BeginMigration(logStore, arg string) (Migration, error) {
	if d.readOnly {
		return Migration{}, ErrReadOnly
	}
	m := Migration{LogStore: logStore, Arg: arg, from: d.Marker()}
	known, there, err := d.readMigration()
	if err != nil {
		return Migration{}, err
	}
	m.dir = known.To
	if there && known == m.file() {
		m.Resumed = true
		return m, d.makeDir(m.dir)
	}
	if there {
		if err := d.endMigration(known); err != nil {
			return Migration{}, err
		}
	}
	if m.dir, err = d.newLogDir(); err != nil {
		return Migration{}, err
	}
	b, err := json.MarshalIndent(m.file(), "", "  ")
	if err != nil {
		return Migration{}, err
	}
	if err := writeFileSync(d.file(migrationName), append(b, '\n')); err != nil {
		return Migration{}, d.explain("cannot write to", err)
	}
	return m, d.makeDir(m.dir)
}

func (m Migration) file() migrationFile {
	return migrationFile{
		Format: migrationFormat, Incarnation: fmt.Sprintf("%016x", m.from.Incarnation),
		From: m.from.logDir(), FromStore: m.from.LogStore,
		To: m.dir, ToStore: m.LogStore, ToArg: m.Arg,
	}
}

// MigrationDir is the copy's own directory. It exists.
func (d *Dir) MigrationDir(m Migration) string { return d.file(m.dir) }

// Switch makes the copy, whose store is closed, the node's log. The log that it
// was made of stays until [Dir.Prune]. When the copy was made by processes of
// which one was killed, not all that it was seen to hold need be on disk: so it
// is synced first, whatever the store says of it.
func (d *Dir) Switch(m Migration) error {
	if err := syncTree(d.file(m.dir)); err != nil {
		return d.explain("cannot sync the copy in", err)
	}
	err := d.change(func(to *Marker) error {
		if *to != m.from {
			return fmt.Errorf("%s changed while its log was copied: start again", d.path)
		}
		to.LogStore, to.LogDir = m.LogStore, m.dir
		return nil
	})
	if err != nil {
		return err
	}
	return d.forget()
}

// Unfinished returns the log store that a migration was making a copy for, and
// whether there is one.
func (d *Dir) Unfinished() (logStore string, there bool, err error) {
	known, there, err := d.readMigration()
	if err != nil || !there || known.To == d.Marker().logDir() {
		return "", false, err
	}
	return known.ToStore, true, nil
}

// OldLogs are the directories of logs that the marker does not name: what was
// migrated, and what was not migrated to its end.
func (d *Dir) OldLogs() ([]string, error) {
	names, err := d.logDirs()
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return name == d.Marker().logDir() })
	for i, name := range names {
		names[i] = d.file(name)
	}
	return names, nil
}

// Prune removes what OldLogs returns, and forgets an unfinished migration.
func (d *Dir) Prune() error {
	if d.readOnly {
		return ErrReadOnly
	}
	if err := d.forget(); err != nil {
		return err
	}
	old, err := d.OldLogs()
	if err != nil {
		return err
	}
	for _, dir := range old {
		if err := os.RemoveAll(dir); err != nil {
			return d.explain("cannot remove an old log of", err)
		}
	}
	return syncDir(d.path)
}

func (d *Dir) readMigration() (f migrationFile, there bool, err error) {
	name := d.file(migrationName)
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return f, false, nil
	}
	if err != nil {
		return f, false, d.explain("cannot read", err)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	if err := dec.Decode(&f); err != nil {
		return f, false, fmt.Errorf("%s cannot be read: remove it with keyval log migrate -prune %s: %w", name, d.path, err)
	}
	if f.Format != migrationFormat || !copyDirName.MatchString(f.To) {
		return f, false, fmt.Errorf("%s is of format %d, this program knows %d: upgrade it, or remove the copy with keyval log migrate -prune %s",
			name, f.Format, migrationFormat, d.path)
	}
	return f, true, nil
}

// Restart gives up what there is of a copy and begins it anew.
func (d *Dir) Restart(m Migration) (Migration, error) {
	if d.readOnly {
		return Migration{}, ErrReadOnly
	}
	if err := d.endMigration(m.file()); err != nil {
		return Migration{}, err
	}
	return d.BeginMigration(m.LogStore, m.Arg)
}

// endMigration gives up a copy, unless it is the log that the node has by now.
func (d *Dir) endMigration(f migrationFile) error {
	if f.To != d.Marker().logDir() {
		if err := os.RemoveAll(d.file(f.To)); err != nil {
			return d.explain("cannot remove an unfinished copy in", err)
		}
	}
	return d.forget()
}

func (d *Dir) forget() error {
	_ = os.Remove(d.file(migrationName + tempSuffix)) // of a process that was killed; it is never read
	err := os.Remove(d.file(migrationName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = syncDir(d.path)
	}
	if err != nil {
		return d.explain("cannot clean up", err)
	}
	return nil
}

// newLogDir is a name above those of all logs there are: one that is left over
// from long ago must never be taken for a copy.
func (d *Dir) newLogDir() (string, error) {
	names, err := d.logDirs()
	if err != nil {
		return "", err
	}
	highest := 1
	for _, name := range append(names, d.Marker().logDir()) {
		if n, err := strconv.Atoi(strings.TrimPrefix(name, logName+".")); err == nil {
			highest = max(highest, n)
		}
	}
	return fmt.Sprintf("%s.%d", logName, highest+1), nil
}

func (d *Dir) logDirs() (names []string, err error) {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return nil, d.explain("cannot read", err)
	}
	for _, e := range entries {
		if e.Name() == logName || copyDirName.MatchString(e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// syncTree has every file below dir on disk, and their names.
func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() {
			return syncDir(path)
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		return errors.Join(f.Sync(), f.Close())
	})
}
