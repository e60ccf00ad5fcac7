package app

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/forkbikash/keyval/apps/keyval/datadir"
	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/migrate"
)

// migrateCommand is keyval log migrate.
func (p program) migrateCommand(c *cli.Context) (err error) {
	path, err := p.logDir(c)
	if err != nil {
		return err
	}
	to, err := p.plugFlag(c, "to")
	if err != nil {
		return err
	}
	given, err := p.plugFlag(c, "log-store")
	if err != nil {
		return err
	}
	prune := c.Bool("prune")
	if to.Name == "" && !prune {
		return usagef("where to: write keyval log migrate -to NAME DIR, with one of %s", names(p.plugs.durable()))
	}
	dir, err := datadir.OpenExisting(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	if to.Name != "" {
		m := &migration{program: p, dir: dir, to: to, given: given}
		if err := m.run(c.Context); err != nil {
			return err
		}
	}
	return p.prune(dir, prune)
}

// prune removes the logs that migrations left, or says that they are there.
func (p program) prune(dir *datadir.Dir, remove bool) error {
	old, err := dir.OldLogs()
	if err != nil {
		return err
	}
	if !remove {
		for _, o := range old {
			p.say("%s is kept: once the node serves well, remove it with keyval log migrate -prune %s", o, dir.Path())
		}
		return nil
	}
	if err := dir.Prune(); err != nil {
		return err
	}
	for _, o := range old {
		p.say("removed %s", o)
	}
	if len(old) == 0 {
		p.say("%s has no log but the one that it uses", dir.Path())
	}
	return nil
}

func (p program) say(format string, args ...any) {
	_, _ = fmt.Fprintf(p.stdout, format+"\n", args...) // who does not listen loses nothing
}

// migration moves the log of dir to another log store. Up to its last step the
// node's own log is read and no more, so it can end at any point.
type migration struct {
	program
	dir   *datadir.Dir
	to    Plug // the log store to move to
	given Plug // what the user says of the one that is there

	// step is called before each thing that changes the directory. Tests have it
	// fail; it may be nil.
	step func(string) error
}

func (m *migration) before(step string) error {
	if m.step == nil {
		return nil
	}
	return m.step(step)
}

func (m *migration) run(ctx context.Context) (err error) {
	marker := m.dir.Marker()
	if marker.LogStore == m.to.Name {
		m.say("%s has its log in %s", m.dir.Path(), m.to.Name)
		return nil
	}
	from, err := m.openLog(m.dir, m.given)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	span, err := m.span(ctx, from, marker)
	if err != nil {
		return err
	}
	if err := m.before("begin"); err != nil {
		return err
	}
	draft, err := m.dir.BeginMigration(m.to.Name, m.to.Arg)
	if err != nil {
		return err
	}
	if draft.Resumed {
		m.say("going on with the copy in %s", m.dir.MigrationDir(draft))
	}
	if draft, err = m.copyOnce(ctx, from, draft, span); err != nil {
		return m.unchanged(err)
	}
	if err := m.before("switch"); err != nil {
		return err
	}
	if err := m.dir.Switch(draft); err != nil {
		return err
	}
	m.say("%s has its log in %s now, before in %s: %s, compared one by one",
		m.dir.Path(), m.to.Name, marker.LogStore, spanText(span))
	return nil
}

// unchanged says what is true of every error before the switch.
func (m *migration) unchanged(err error) error {
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("interrupted: %s is as it was; the same command goes on", m.dir.Path())
	}
	return fmt.Errorf("%s is as it was: %w", m.dir.Path(), err)
}

// span is the part of the log to copy: what lies above its last gap, when a
// snapshot has what lies below.
func (m *migration) span(ctx context.Context, from storage.Store, marker datadir.Marker) (migrate.Span, error) {
	span, err := migrate.Newest(ctx, from)
	if err != nil {
		return span, fmt.Errorf("%w; keyval log verify %s tells more", m.unchanged(err), m.dir.Path())
	}
	snapshots, err := readSnapshots(m.dir.SnapshotBase())
	if err != nil {
		return span, err
	}
	newest := snapshots.newestGood()
	switch {
	case span.Len() == 0 && marker.Member && newest == 0:
		return span, fmt.Errorf("%s belongs to a member of cluster %s and its Raft log is gone: restore it, or let the node join again with an empty directory",
			m.dir.Path(), marker.ClusterID)
	case span.Len() > 0 && span.First > newest+1:
		return span, fmt.Errorf("%s is as it was: entries %d to %d are missing: the log begins at %d and no snapshot that can be read reaches it: restore the snapshots, or let the node join again with an empty directory",
			m.dir.Path(), newest+1, span.First-1, span.First)
	}
	return span, nil
}

// copyOnce makes the copy, and makes it anew when one that was begun earlier
// cannot be gone on with. raft-wal, when it is killed as it begins another
// segment, comes back with one that is sealed and takes no more.
func (m *migration) copyOnce(ctx context.Context, from storage.Store, draft datadir.Migration, span migrate.Span) (datadir.Migration, error) {
	err := m.copyTo(ctx, from, draft, span)
	if err == nil || !draft.Resumed || ctx.Err() != nil {
		return draft, err
	}
	m.say("the copy cannot be gone on with, so it is made anew: %v", err)
	if draft, err = m.dir.Restart(draft); err != nil {
		return draft, err
	}
	return draft, m.copyTo(ctx, from, draft, span)
}

// copyTo makes the copy and compares it. The copy's store is opened once more
// for that, as a node would find it.
func (m *migration) copyTo(ctx context.Context, from storage.Store, draft datadir.Migration, span migrate.Span) error {
	err := m.inCopy(draft, false, func(to storage.Store) error {
		show := m.progress("copying", span.Len())
		defer show.end()
		return migrate.Copy(ctx, from, to, span, show.update)
	})
	if err != nil {
		return err
	}
	err = m.inCopy(draft, true, func(to storage.Store) error {
		show := m.progress("comparing", span.Len())
		defer show.end()
		return migrate.Verify(ctx, from, to, span, show.update)
	})
	if errors.Is(err, migrate.ErrDiffers) {
		return fmt.Errorf("%w: give up the copy with keyval log migrate -prune %s, and start again", err, m.dir.Path())
	}
	return err
}

func (m *migration) inCopy(draft datadir.Migration, readOnly bool, do func(storage.Store) error) (err error) {
	what := "write"
	if readOnly {
		what = "compare"
	}
	if err := m.before(what); err != nil {
		return err
	}
	to, err := m.openStoreIn(m.dir.MigrationDir(draft), m.dir.Marker().Guard, m.to, readOnly)
	if err != nil {
		return fmt.Errorf("copy in %s: %w", filepath.Base(m.dir.MigrationDir(draft)), err)
	}
	return errors.Join(do(to), to.Close())
}

func spanText(s migrate.Span) string {
	switch s.Len() {
	case 0:
		return "an empty log"
	case 1:
		return fmt.Sprintf("entry %d", s.First)
	}
	return fmt.Sprintf("entries %d to %d", s.First, s.Last)
}
