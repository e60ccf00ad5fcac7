//go:build linux

package walkthrough

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Every flag of the program is in the README's table with its default, and no
// other is.
func TestFlags(t *testing.T) {
	help := run(t, "go", "run", "./apps/keyval", "-h")
	want := map[string]string{}
	// One flag a match: its name and value, then its text up to the next one.
	for _, m := range regexp.MustCompile(`(?m)^  (-[a-z-]+(?: \S+)?|-h, -help)(?:  +|\n {20,})((?:.*\n)(?: {20,}.*\n)*)`).FindAllStringSubmatch(help, -1) {
		words := strings.Join(strings.Fields(m[2]), " ")
		def := regexp.MustCompile(`\(default: (.*?)\)`).FindStringSubmatch(words)
		want[m[1]] = ""
		if def != nil {
			want[m[1]] = def[1]
		}
	}
	if len(want) < 10 {
		t.Fatalf("got %d flags from the help:\n%s", len(want), help)
	}
	got := map[string]string{}
	for _, row := range rows(section(t, "README.md", "## Flags")) {
		got[strings.ReplaceAll(row[0], "`", "")] = row[1]
	}
	if !maps.Equal(got, want) {
		for _, name := range slices.Sorted(maps.Keys(want)) {
			if def, ok := got[name]; !ok || def != want[name] {
				t.Errorf("%s: the table has it: %v, with default %q, want %q", name, ok, def, want[name])
			}
		}
		for name := range got {
			if _, ok := want[name]; !ok {
				t.Errorf("%s is in the table, and no flag", name)
			}
		}
	}
}

// Every log store that the program has is in the README's table.
func TestLogStores(t *testing.T) {
	help := strings.Join(strings.Fields(run(t, "go", "run", "./apps/keyval", "-h")), " ")
	m := regexp.MustCompile(`what keeps the Raft log: ([a-z, ]+);`).FindStringSubmatch(help)
	if m == nil {
		t.Fatalf("the help does not list the log stores:\n%s", help)
	}
	var got []string
	for _, row := range rows(section(t, "README.md", "## Log stores")) {
		got = append(got, strings.Trim(row[0], "`"))
	}
	slices.Sort(got)
	if want := strings.Split(m[1], ", "); !slices.Equal(got, want) {
		t.Errorf("the table has %v, want %v", got, want)
	}
}

// The program that the README shows is the one that is compiled and run.
func TestOwnStore(t *testing.T) {
	_, want, _ := strings.Cut(read(t, "apps/keyval/walkthrough/ownstore/main.go"), "\npackage main\n")
	all, err := fences(read(t, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if f.language == "go" {
			if got := strings.Join(f.lines, "\n") + "\n"; got != "package main\n"+want {
				t.Errorf("the README shows\n%s\nand ownstore is\n%s", got, want)
			}
			return
		}
	}
	t.Error("the README shows no Go program")
}

// Every refusal of the membership is explained, and no other is.
func TestRefusals(t *testing.T) {
	var want []string
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root(t), "core/node/errors.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "RefusalCode" {
			code, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, code)
		}
		return true
	})
	var got []string
	for _, row := range rows(section(t, "CLUSTERING.md", "## What a refusal means")) {
		got = append(got, strings.Trim(row[0], "`"))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) || len(want) == 0 {
		t.Errorf("the table has %v, want %v", got, want)
	}
}

// A command outside of a bash block would not be run.
func TestCommandsAreInBashBlocks(t *testing.T) {
	looksRun := regexp.MustCompile(`^\s*(\$ |keyval (-|serve|log|[~./])|curl |go (run|install|get|build|test) |make |pkill |rm )`)
	target := regexp.MustCompile("`make ([a-z-]+)`")
	for _, name := range []string{"README.md", "CLUSTERING.md"} {
		text := read(t, name)
		all, err := fences(text)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		inBash := map[int]bool{}
		for _, f := range all {
			if !slices.Contains([]string{"bash", "go", "mermaid"}, f.language) {
				t.Errorf("%s:%d: a block of %q: commands go into bash blocks", name, f.line, f.language)
			}
			for i := range f.lines {
				inBash[f.line+i] = f.language == "bash"
			}
		}
		for i, line := range strings.Split(text, "\n") {
			if looksRun.MatchString(line) && !inBash[i+1] {
				t.Errorf("%s:%d: a command that nothing runs: %s", name, i+1, line)
			}
		}
		for _, m := range target.FindAllStringSubmatch(text, -1) {
			run(t, "make", "-n", m[1])
		}
	}
}

// Links within the repository lead somewhere.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	for _, name := range []string{"README.md", "CLUSTERING.md", "DESIGN.md"} {
		for _, m := range link.FindAllStringSubmatch(read(t, name), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			file, anchor, _ := strings.Cut(m[1], "#")
			if file == "" {
				file = name
			}
			if _, err := os.Stat(filepath.Join(root(t), file)); err != nil {
				t.Errorf("%s links to %s: %v", name, m[1], err)
				continue
			}
			if anchor != "" && !slices.Contains(anchors(read(t, file)), anchor) {
				t.Errorf("%s links to %s, and no heading is so called", name, m[1])
			}
		}
	}
}

func anchors(text string) (all []string) {
	drop := regexp.MustCompile(`[^a-z0-9 _-]`)
	for line := range strings.Lines(text) {
		if heading, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && line[0] == '#' {
			name := drop.ReplaceAllString(strings.ToLower(strings.TrimSpace(heading)), "")
			all = append(all, strings.ReplaceAll(name, " ", "-"))
		}
	}
	return all
}

// section is what stands under a heading.
func section(t *testing.T, name, heading string) string {
	t.Helper()
	_, after, found := strings.Cut(read(t, name), "\n"+heading+"\n")
	if !found {
		t.Fatalf("%s has no %q", name, heading)
	}
	text, _, _ := strings.Cut(after, "\n## ")
	return text
}

// rows are those of a table, without its heading.
func rows(text string) (all [][]string) {
	heading := true
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case !strings.HasPrefix(line, "|"):
			heading = true
		case strings.HasPrefix(line, "|---"):
			heading = false
		case !heading:
			var row []string
			for cell := range strings.SplitSeq(strings.Trim(line, "|"), "|") {
				row = append(row, strings.TrimSpace(cell))
			}
			all = append(all, row)
		}
	}
	return all
}

// run runs a command in the root of the repository.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("this needs %s: %v", name, err)
	}
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = root(t)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}
