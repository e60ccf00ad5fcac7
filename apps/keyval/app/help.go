package app

import (
	"cmp"
	"fmt"
	"io"
	"strings"
)

const (
	helpWidth  = 92
	helpIndent = 27
)

const helpHead = `keyval keeps keys and values on several machines, in agreement through Raft.

Usage:
  keyval [flags] DIR         run a node whose data is in DIR
  keyval serve [flags] DIR   the same
  keyval log COMMAND DIR     look into, check or move the log of a node that is stopped;
                             keyval log -h tells more
  keyval help                print this text

Examples:
  # A node by itself, which answers HTTP on localhost:11000.
  keyval -id node0 ~/node0

  # Another, which joins the first.
  keyval -id node1 -haddr localhost:11001 -raddr localhost:12001 -join :11000 ~/node1

Flags go before DIR, with one dash or two. A flag that is not given takes the value of the
environment variable in brackets, and DIR that of KEYVAL_DIR, where it is not empty.
`

const helpTail = `
Other:
  -h, -help                print this text
  -version                 print the version
`

func writeHelp(w io.Writer, f *nodeFlags) error {
	var b strings.Builder
	b.WriteString(helpHead)
	for _, g := range f.groups {
		fmt.Fprintf(&b, "\n%s:\n", g.name)
		for _, s := range g.settings {
			b.WriteString(s.help())
		}
	}
	b.WriteString(helpTail)
	_, err := io.WriteString(w, b.String())
	return err
}

// help is the flag in the left column and what it does in the right.
func (s *setting) help() string {
	words := s.usage
	if def := cmp.Or(s.shown, s.fallback); def != "" {
		words += " (default: " + def + ")"
	}
	words += " [" + s.env() + "]"

	left := "  -" + s.name
	if s.arg != "" {
		left += " " + s.arg
	}
	var b strings.Builder
	if len(left) >= helpIndent { // it fills the column, and has a line of its own
		b.WriteString(left + "\n")
		left = ""
	}
	line := fmt.Sprintf("%-*s", helpIndent-1, left)
	for word := range strings.FieldsSeq(words) {
		if len(line)+1+len(word) > helpWidth {
			b.WriteString(line + "\n")
			line = strings.Repeat(" ", helpIndent-1)
		}
		line += " " + word
	}
	return b.String() + line + "\n"
}
