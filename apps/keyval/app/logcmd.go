package app

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/forkbikash/keyval/apps/keyval/datadir"
	"github.com/forkbikash/keyval/storage"
	"github.com/forkbikash/keyval/storage/guard"
	"github.com/forkbikash/keyval/storage/memstore"
)

const logHelp = `keyval log looks into the data directory of a node that is stopped, whatever its log store.

Usage:
  keyval log inspect [flags] DIR              say what is in it
  keyval log verify [flags] DIR               read all of it; exit code 1 when it is damaged
  keyval log migrate [flags] -to NAME[:ARG] DIR
                                              move the log to another log store
  keyval log migrate -prune DIR               remove what migrations left

Flags of inspect:
  -entries FROM:TO         print these log entries too, decoded; FROM: is all from FROM on,
                           :TO all up to TO
  -json                    print one JSON document

Flags of migrate:
  -to NAME[:ARG]           the log store to move to: %s
  -prune                   remove the log that the node had before; without it that is kept

Flags of each:
  -log-store NAME[:ARG]    the settings for the log store that is there, where it needs any
  -h, -help                print this text

inspect and verify change nothing. migrate copies the log, compares the copy entry by entry,
and only then makes it the node's log. When it is interrupted, even by kill -9, the node is
as before, and the same command goes on.
`

// logCommand is keyval log.
func (p program) logCommand() *cli.Command {
	help := func() error {
		_, err := fmt.Fprintf(p.stdout, logHelp, names(p.plugs.durable()))
		return err
	}
	at := func() cli.Flag { return &cli.StringFlag{Name: "log-store"} }
	commands := []*cli.Command{
		{
			Name:   "inspect",
			Flags:  []cli.Flag{at(), &cli.StringFlag{Name: "entries"}, &cli.BoolFlag{Name: "json"}},
			Action: p.inspectCommand,
		},
		{
			Name:   "verify",
			Flags:  []cli.Flag{at()},
			Action: p.verifyCommand,
		},
		{
			Name:   "migrate",
			Flags:  []cli.Flag{at(), &cli.StringFlag{Name: "to"}, &cli.BoolFlag{Name: "prune"}},
			Action: p.migrateCommand,
		},
	}
	all := &cli.Command{
		Name: "log", Usage: "look into, check or move a log", Subcommands: commands,
		Action: func(c *cli.Context) error { return noLogCommand(c, commands) },
	}
	for _, c := range append(commands, all) {
		c.HideHelp = true
		c.OnUsageError = explainUsage("keyval log -h", help)
	}
	return all
}

func noLogCommand(c *cli.Context, commands []*cli.Command) error {
	var known []string
	for _, cmd := range commands {
		known = append(known, cmd.Name)
	}
	if !c.Args().Present() {
		return usagef("log needs a command: %s; keyval log -h tells more", strings.Join(known, ", "))
	}
	word := c.Args().First()
	return usagef("there is no command \"log %s\"%s; keyval log -h lists them", word, didYouMean(word, known))
}

// logDir is the data directory that a command of keyval log is for.
func (p program) logDir(c *cli.Context) (string, error) {
	args := c.Args().Slice()
	if len(args) > 1 {
		if strings.HasPrefix(args[1], "-") {
			return "", usagef("flags go before the data directory: write %s before %s", strings.Join(args[1:], " "), args[0])
		}
		return "", usagef("there is something after the data directory %s, which comes last: %s", args[0], strings.Join(args[1:], " "))
	}
	dir, err := p.dataDir(args)
	if err != nil {
		return "", err
	}
	if dir == "" {
		return "", usagef("no data directory: write keyval log %s [flags] DIR", c.Command.Name)
	}
	return dir, nil
}

// plugFlag is a flag that names a log store which a directory can have.
func (p program) plugFlag(c *cli.Context, name string) (Plug, error) {
	text := c.String(name)
	if !c.IsSet(name) {
		return Plug{}, nil
	}
	var to Plug
	if err := plug(&to, p.plugs.logStore)(text); err != nil {
		return Plug{}, usagef("-%s %q: %w", name, text, err)
	}
	if to.Name == inMemory {
		return Plug{}, usagef("-%s %q: it keeps nothing in a directory: take one of %s", name, text, names(p.plugs.durable()))
	}
	if err := p.plugs.trySettings(to); err != nil {
		return Plug{}, usagef("-%s %q: %w", name, text, err)
	}
	return to, nil
}

// durable are the log stores that a directory can have.
func (p Plugs) durable() map[string]storage.Opener {
	stores := make(map[string]storage.Opener, len(p.LogStores))
	for name, open := range p.LogStores {
		if name != inMemory {
			stores[name] = open
		}
	}
	return stores
}

// openLog opens the log that the marker names, for reading. given is what the
// command line says of it.
func (p program) openLog(dir *datadir.Dir, given Plug) (storage.Store, error) {
	m := dir.Marker()
	if given.Name != "" && given.Name != m.LogStore {
		return nil, usagef("%s has its log in %s, and -log-store says %s: leave it out, or give that one's settings",
			dir.Path(), m.LogStore, given.Name)
	}
	empty, err := isEmpty(dir.LogDir())
	if err != nil {
		return nil, err
	}
	if empty { // of a node that never came to open it
		return memstore.New(), nil
	}
	return p.openStoreIn(dir.LogDir(), m.Guard, Plug{m.LogStore, given.Arg}, true)
}

// openStoreIn opens a log store as a node does that serves from it, and has it
// wear what the marker says that it wears.
func (p program) openStoreIn(dir, worn string, what Plug, readOnly bool) (storage.Store, error) {
	open, ok := p.plugs.durable()[what.Name]
	if !ok {
		return nil, fmt.Errorf("%s holds a log store %q, which this binary does not have", dir, what.Name)
	}
	guarded := guard.Opener(open, guard.Options{Mode: guard.Mode(worn)})
	store, err := guarded(dir, storage.Options{Arg: what.Arg, ReadOnly: readOnly, Logger: slog.New(slog.DiscardHandler)})
	if err == nil {
		return store, nil
	}
	err = fmt.Errorf("log store %s: %w", what.Name, err)
	if errors.As(err, new(*storage.ArgError)) {
		return nil, usageError{err}
	}
	return nil, err
}

func isEmpty(dir string) (bool, error) {
	f, err := os.Open(dir)
	if errors.Is(err, os.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	_, err = f.Readdirnames(1)
	if errors.Is(err, io.EOF) {
		return true, f.Close()
	}
	return false, errors.Join(err, f.Close())
}
