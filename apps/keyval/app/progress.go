package app

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/mattn/go-isatty"
)

// progress shows on a terminal how far something is, in one line that is
// written over and is gone in the end. Elsewhere it shows nothing.
type progress struct {
	to    io.Writer // nil where nobody looks
	what  string
	total uint64
	shown int // percent; -1 before the first
}

const barWidth = 30

func (p program) progress(what string, total uint64) *progress {
	show := &progress{what: what, total: total, shown: -1}
	if f, ok := p.stderr.(*os.File); ok && isatty.IsTerminal(f.Fd()) {
		show.to = p.stderr
	}
	return show
}

func (s *progress) update(done uint64) {
	if s.to == nil || s.total == 0 {
		return
	}
	percent := int(float64(done) / float64(s.total) * 100)
	if percent == s.shown {
		return
	}
	s.shown = percent
	full := percent * barWidth / 100
	_, _ = fmt.Fprintf(s.to, "\r%-9s [%s%s] %3d %% of %d entries", s.what,
		strings.Repeat("=", full), strings.Repeat(" ", barWidth-full), percent, s.total)
}

// end wipes the line, so that an error begins at its beginning.
func (s *progress) end() {
	if s.to != nil && s.shown >= 0 {
		_, _ = fmt.Fprint(s.to, "\r\x1b[K")
	}
}
