package app

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/urfave/cli/v2"

	"github.com/forkbikash/keyval/apps/keyval/datadir"
	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/migrate"
)

// What can be done about what verify finds.
const (
	fixRejoin  = "let this node join again with an empty data directory; the other members have what it had"
	fixUpgrade = "upgrade keyval"
)

// verifyCommand is keyval log verify. What it finds stands on standard output, a
// line each, and the exit code says whether any of it is damage.
func (p program) verifyCommand(c *cli.Context) (err error) {
	path, err := p.logDir(c)
	if err != nil {
		return err
	}
	given, err := p.plugFlag(c, "log-store")
	if err != nil {
		return err
	}
	dir, err := datadir.OpenForReading(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	v := &checkup{program: p, dir: dir}
	if err := v.run(c.Context, given); err != nil {
		return err
	}
	switch v.problems {
	case 0:
		p.say("%s is whole: %s", dir.Path(), v.summary())
		return nil
	case 1:
		return fmt.Errorf("%s has a problem, named above", dir.Path())
	}
	return fmt.Errorf("%s has %d problems, the first of them named above", dir.Path(), v.problems)
}

// checkup reads all that a data directory holds.
type checkup struct {
	program
	dir      *datadir.Dir
	problems int

	covered     uint64 // the newest snapshot that can be read reaches to here
	coveredTerm uint64
	state       migrate.State
	first, last uint64
	lastTerm    uint64
	read        int // log entries
	snapshots   int // that are whole
}

// mostProblems is how many are named. A log that is damaged all over has more.
const mostProblems = 100

func (v *checkup) problem(where, what, fix string) {
	v.problems++
	if v.problems <= mostProblems {
		v.say("problem: %s: %s: %s", where, what, fix)
	}
}

func (v *checkup) note(where, what string) { v.say("note: %s: %s", where, what) }

func (v *checkup) summary() string {
	log := "an empty log"
	if v.read > 0 {
		log = fmt.Sprintf("%s, %d to %d", counted(v.read, "log entry", "log entries"), v.first, v.last)
	}
	return fmt.Sprintf("%s, %s, %s", log, counted(v.snapshots, "snapshot", "snapshots"), v.state)
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// run checks the snapshots first, since they say what the log may lack.
func (v *checkup) run(ctx context.Context, given Plug) (err error) {
	if err := v.checkSnapshots(); err != nil {
		return err
	}
	if err := v.checkOldLogs(); err != nil {
		return err
	}
	m := v.dir.Marker()
	if _, ok := v.plugs.durable()[m.LogStore]; !ok {
		v.problem(v.dir.Path(), fmt.Sprintf("the marker names a log store %q, which this binary does not have", m.LogStore),
			"use the binary that made the directory, or restore the marker")
		return nil
	}
	var store storage.Store
	err = v.bearing(func() (err error) {
		store, err = v.openLog(v.dir, given)
		return err
	})
	if errors.As(err, new(usageError)) {
		return err
	}
	if err != nil {
		v.problem(v.dir.LogDir(), fmt.Sprintf("the marker says that this is a log of %s, and it cannot be opened: %v", m.LogStore, err),
			"if the marker is another node's, restore its own; otherwise "+fixRejoin)
		return nil
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	err = v.bearing(func() error {
		if err := v.checkLog(ctx, store); err != nil {
			return err
		}
		v.checkState(store)
		return nil
	})
	if errors.As(err, new(storePanic)) {
		v.problem(v.dir.LogDir(), err.Error(), fixRejoin)
		return nil
	}
	return err
}

// storePanic is what became of a store over a damaged file.
type storePanic struct{ what any }

func (p storePanic) Error() string { return fmt.Sprintf("the log store panics: %v", p.what) }

// bearing makes an error of a panic: bbolt believes the pages of its file, and
// may follow a damaged one to anywhere, out of the file too.
func (v *checkup) bearing(do func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = storePanic{p}
		}
	}()
	return do()
}
