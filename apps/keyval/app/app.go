package app

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"
)

// Main runs the program with the process's arguments and ends the process.
func Main(p Plugs) {
	ctx, stop := signal.NotifyContext(context.Background(), stopSignals()...)
	context.AfterFunc(ctx, stop)                        // so that a second signal ends a shutdown that hangs
	os.Exit(run(ctx, p, os.Args, os.Stdout, os.Stderr)) //nolint:revive // Main stands in for main, also in programs with plugs of their own
}

// stopSignals are those that a node ends orderly on. SIGHUP comes when its
// terminal goes, unless it was started with nohup.
func stopSignals() []os.Signal {
	all := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		all = append(all, syscall.SIGHUP)
	}
	return all
}

const (
	exitFailure = 1
	exitUsage   = 2
)

// run runs the program and returns its exit code. args[0] is its name.
func run(ctx context.Context, p Plugs, args []string, stdout, stderr io.Writer) int {
	return program{plugs: p, stdout: stdout, stderr: stderr, getenv: os.Getenv, environ: os.Environ, serve: serve}.run(ctx, args)
}

// program is what a run of the command line reaches outside itself.
type program struct {
	plugs          Plugs
	stdout, stderr io.Writer
	getenv         func(string) string
	environ        func() []string
	serve          func(ctx context.Context, cfg Config, p Plugs, stdout, stderr io.Writer) error
}

func (p program) run(ctx context.Context, args []string) int {
	err := p.app().RunContext(ctx, args)
	if err == nil {
		return 0
	}
	// Joined errors come on lines of their own; whoever reads a log wants one.
	_, _ = fmt.Fprintf(p.stderr, "keyval: %s\n", strings.ReplaceAll(err.Error(), "\n", "; "))
	if errors.As(err, new(usageError)) {
		return exitUsage
	}
	return exitFailure
}

// app is the command line. Without a subcommand it serves, as the original did.
func (p program) app() *cli.App {
	flags := newNodeFlags(p.plugs)
	return &cli.App{
		Name:      "keyval",
		Writer:    p.stdout,
		ErrWriter: p.stderr,
		Flags: append(flags.cliFlags(), &cli.BoolFlag{
			Name:               "version",
			DisableDefaultText: true,
		}),
		Commands:        p.commands(flags),
		Action:          func(c *cli.Context) error { return p.serveCommand(c, flags) },
		OnUsageError:    p.onUsageError(flags),
		HideHelp:        true, // what it prints is ours
		HideVersion:     true,
		HideHelpCommand: true,
		ExitErrHandler:  func(*cli.Context, error) {}, // run prints the error, Main exits
	}
}

func (p program) commands(flags *nodeFlags) []*cli.Command {
	commands := []*cli.Command{
		{
			Name:   "serve",
			Usage:  "run a node",
			Flags:  flags.cliFlags(),
			Action: func(c *cli.Context) error { return p.serveCommand(c, flags) },
		},
		{
			Name:  "help",
			Usage: "print this text",
			Action: func(*cli.Context) error {
				return writeHelp(p.stdout, flags)
			},
		},
	}
	for _, c := range commands {
		c.HideHelp = true
		c.OnUsageError = p.onUsageError(flags)
	}
	return append(commands, p.logCommand())
}

// A usageError is the user's to mend on the command line.
type usageError struct{ error }

func usagef(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

func (e usageError) Unwrap() error { return e.error }

func (p program) onUsageError(flags *nodeFlags) cli.OnUsageErrorFunc {
	return explainUsage("keyval -h", func() error { return writeHelp(p.stdout, flags) })
}

// explainUsage answers what the flag package could not parse, and asks for help,
// which ask is the command for. Most of its errors have no types, only texts.
func explainUsage(ask string, help func() error) cli.OnUsageErrorFunc {
	return func(c *cli.Context, err error, _ bool) error {
		// -h and -help are deliberately not defined: the parser stops at them at
		// once, whatever else is wrong with the line.
		if errors.Is(err, flag.ErrHelp) {
			return help()
		}
		if name, ok := strings.CutPrefix(err.Error(), "flag provided but not defined: -"); ok {
			return usagef("there is no flag -%s%s; %s lists them", name, didYouMean("-"+name, flagNames(c)), ask)
		}
		if name, ok := strings.CutPrefix(err.Error(), "flag needs an argument: -"); ok {
			return usagef("-%s needs a value: write -%s=VALUE", name, name)
		}
		return usageError{err}
	}
}

func flagNames(c *cli.Context) []string {
	var names []string
	for _, f := range c.Command.Flags {
		names = append(names, "-"+f.Names()[0])
	}
	return names
}
