// Command modules checks keyval's modules as the world outside the workspace
// sees them: what go.work makes work here may be missing from a go.mod, and
// nobody else has go.work.
//
// The modules require each other at a version that need not be released yet.
// Wherever the go command would look for it, this program points it at the
// working tree instead, in temporary files alone: a committed replace would make
// go install refuse the binary's module.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
)

const usage = `usage: modules COMMAND

  standalone           build and vet each module outside the workspace
  tidy                 complete each go.mod and go.sum
  tidy-check           print what tidy would change, and fail if it is anything
  install-check DIR    publish the modules to a temporary proxy, install the
                       program in DIR from there and ask it for its version
  require VERSION      make the modules require each other at VERSION
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "modules:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) (err error) {
	if len(args) == 0 {
		return fmt.Errorf("no command\n%s", usage)
	}
	w, err := findWorkspace()
	if err != nil {
		return err
	}
	tmp, err := os.MkdirTemp("", "keyval-modules-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()

	switch command, args := args[0], args[1:]; {
	case command == "standalone" && len(args) == 0:
		return w.standalone(ctx, tmp)
	case command == "tidy" && len(args) == 0:
		return w.tidy(ctx, tmp)
	case command == "tidy-check" && len(args) == 0:
		return w.checkTidy(ctx, tmp)
	case command == "install-check" && len(args) == 1:
		return w.checkInstall(ctx, tmp, filepath.Clean(args[0]))
	case command == "require" && len(args) == 1:
		return w.require(args[0])
	default:
		return fmt.Errorf("cannot do %q\n%s", strings.Join(append([]string{command}, args...), " "), usage)
	}
}
