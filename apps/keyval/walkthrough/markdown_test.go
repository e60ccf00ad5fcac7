//go:build linux

package walkthrough

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// root is the repository.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root(t), name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// fence is one fenced block of a Markdown file.
type fence struct {
	language string
	line     int // of its first line
	lines    []string
}

func fences(text string) (all []fence, err error) {
	var open *fence
	scan := bufio.NewScanner(strings.NewReader(text))
	for n := 1; scan.Scan(); n++ {
		line := scan.Text()
		mark, isMark := strings.CutPrefix(line, "```")
		switch {
		case isMark && open == nil:
			open = &fence{language: mark, line: n + 1}
		case isMark && mark == "":
			all, open = append(all, *open), nil
		case isMark:
			return nil, fmt.Errorf("line %d: a block begins within the block of line %d", n, open.line-1)
		case open != nil:
			open.lines = append(open.lines, line)
		case strings.HasPrefix(strings.TrimSpace(line), "```"):
			return nil, fmt.Errorf("line %d: an indented block", n)
		}
	}
	if open != nil {
		return nil, fmt.Errorf("the block of line %d does not end", open.line-1)
	}
	return all, scan.Err()
}

// command is one command of a bash block.
type command struct {
	line    int
	text    string
	want    []string // what it prints; nil when that is not shown
	machine string   // where the reader types it; empty for the reader's own
}

const (
	onMachine  = "# on "
	prints     = "# => "
	interrupt  = "# Ctrl-C"
	untilEnded = "# Wait for the end of "
)

// commands takes a bash block apart.
func commands(f fence) (all []command, err error) {
	machine, continued := "", false
	for i, line := range f.lines {
		line = strings.TrimSpace(line)
		output, isOutput := strings.CutPrefix(line, prints)
		switch {
		case line == "" && !continued:
		case isOutput && len(all) == 0:
			return nil, fmt.Errorf("line %d: output before any command", f.line+i)
		case isOutput:
			last := &all[len(all)-1]
			last.want = append(last.want, output)
		case strings.HasPrefix(line, onMachine):
			machine, _, _ = strings.Cut(strings.TrimPrefix(line, onMachine), ",")
		case strings.HasPrefix(line, "#") && !strings.HasPrefix(line, interrupt) && !strings.HasPrefix(line, untilEnded):
		case continued:
			all[len(all)-1].text += " " + strings.TrimSuffix(line, `\`)
		default:
			all = append(all, command{line: f.line + i, text: strings.TrimSpace(strings.TrimSuffix(line, `\`)), machine: machine})
		}
		continued = strings.HasSuffix(line, `\`)
	}
	return all, nil
}

// matches says whether got is what want shows.
func matches(want []string, got string) bool {
	parts := strings.Split(strings.Join(want, "\n"), "...")
	if !strings.HasPrefix(got, parts[0]) {
		return false
	}
	got = got[len(parts[0]):]
	for i, part := range parts[1:] {
		if i == len(parts)-2 {
			return strings.HasSuffix(got, part)
		}
		_, after, found := strings.Cut(got, part)
		if !found {
			return false
		}
		got = after
	}
	return got == ""
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		want, got string
		match     bool
	}{
		{`{"a":"b"}`, `{"a":"b"}`, true},
		{`{"a":"b"}`, `{"a":"b"} more`, false},
		{`{"a"...}`, `{"a":"b"}`, true},
		{`..."code":"no_leader"}`, `{"status":503,"code":"no_leader"}`, true},
		{`{..."b"...}`, `{"a","b","c"}`, true},
		{`{..."d"...}`, `{"a","b","c"}`, false},
		{`a...a`, `a`, false},
	} {
		if matches([]string{c.want}, c.got) != c.match {
			t.Errorf("%s shown, %s printed: a match is %v, want %v", c.want, c.got, !c.match, c.match)
		}
	}
}

func TestCommands(t *testing.T) {
	all, err := fences("text\n```bash\n# on 192.168.0.1\nkeyval -id node1 \\\n  ~/node\n\n# a word\ncurl x\n# => one\n# => two\n# Ctrl-C\n```\n")
	if err != nil || len(all) != 1 {
		t.Fatalf("got blocks %v, %v", all, err)
	}
	got, err := commands(all[0])
	want := []command{
		{line: 4, text: "keyval -id node1 ~/node", machine: "192.168.0.1"},
		{line: 8, text: "curl x", want: []string{"one", "two"}, machine: "192.168.0.1"},
		{line: 11, text: "# Ctrl-C", machine: "192.168.0.1"},
	}
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	for _, bad := range []string{"```bash\nx", "```bash\n```text\n```", " ```bash\n ```"} {
		if _, err := fences(bad); err == nil {
			t.Errorf("%q: got no error", bad)
		}
	}
}
