package app

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"
)

// serveCommand is keyval DIR, and keyval serve DIR.
func (p program) serveCommand(c *cli.Context, flags *nodeFlags) error {
	if c.Bool("version") {
		_, err := fmt.Fprintln(p.stdout, versionLine())
		return err
	}
	args := c.Args().Slice()
	// Before the flags, so that a misspelt command is what is complained of.
	if err := p.checkArgs(c, args); err != nil {
		return err
	}
	cfg, err := flags.config(p.getenv)
	if err != nil {
		return err
	}
	if cfg.Dir, err = p.dataDir(args); err != nil {
		return err
	}
	if cfg.Dir == "" && !cfg.InMemory() {
		return usagef("no data directory: write keyval [flags] DIR, or -inmem for a node that writes nothing; keyval -h tells more")
	}
	p.warn(cfg, flags)
	return p.serve(c.Context, cfg, p.plugs, p.stdout, p.stderr)
}

// warn tells of what was given and has no effect.
func (p program) warn(cfg Config, flags *nodeFlags) {
	log := newLogger(p.stderr, cfg)
	for name, meant := range misspelt(p.environ(), flags.variables()) {
		log.Warn("an environment variable is not known and has no effect", "name", name, "did_you_mean", meant)
	}
	if cfg.InMemory() && cfg.Dir != "" {
		log.Warn("a node in memory writes nothing: the data directory is not used", "dir", cfg.Dir)
	}
	if cfg.InMemory() && cfg.LogGuard != "" {
		log.Warn("a node in memory has no log on disk to guard: -log-guard has no effect", "log_guard", cfg.LogGuard)
	}
}

// checkArgs makes sure that there is at most a data directory.
func (p program) checkArgs(c *cli.Context, args []string) error {
	if len(args) == 0 {
		return nil
	}
	dir, rest := args[0], args[1:]
	if dir == "" {
		return usagef("the data directory is an empty string: name one")
	}
	// After serve a word can only be a directory.
	if c.Command.Name != "serve" && !isDir(dir) {
		commands := []string{"-version"}
		for _, cmd := range c.App.Commands {
			commands = append(commands, cmd.Name)
		}
		return usagef("there is no command %q%s; to serve a directory of that name write ./%s",
			dir, didYouMean(dir, commands), dir)
	}
	switch {
	case len(rest) == 0:
		return nil
	case strings.HasPrefix(rest[0], "-"):
		return usagef("flags go before the data directory: write %s before %s", strings.Join(rest, " "), dir)
	}
	return usagef("there is something after the data directory %s, which comes last: %s", dir, strings.Join(rest, " "))
}

// isDir says whether a bare argument is meant as a directory, not as a command.
func isDir(arg string) bool {
	if strings.ContainsAny(arg, `/\`) || arg[0] == '.' || arg[0] == '~' {
		return true
	}
	info, err := os.Stat(arg)
	return err == nil && info.IsDir()
}

// dataDir is the directory in args, else in the environment, else "".
func (p program) dataDir(args []string) (string, error) {
	dir := p.getenv(dirVariable)
	if len(args) > 0 {
		dir = args[0]
	}
	// A shell expands this, a service manager does not; a directory of the name ~
	// is what nobody wants.
	if rest, ok := strings.CutPrefix(dir, "~"); ok && (rest == "" || os.IsPathSeparator(rest[0])) {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", usagef("data directory %s: %w", dir, err)
		}
		return filepath.Join(home, rest), nil
	}
	return dir, nil
}
