package app

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func TestProgress(t *testing.T) {
	var out bytes.Buffer
	if p := (program{stderr: &out}).progress("copying", 10); p.to != nil {
		t.Error("a bar where there is no terminal")
	}
	s := &progress{to: &out, what: "copying", total: 1000, shown: -1}
	for done := uint64(0); done <= 1000; done++ {
		s.update(done)
	}
	s.end()
	lines := strings.Split(out.String(), "\r")
	if len(lines) != 103 { // nothing, 0 to 100 percent, and what wipes it
		t.Errorf("got %d lines: %q", len(lines), lines)
	}
	got := []string{lines[1], lines[51], lines[101], lines[102]}
	want := []string{
		"copying   [                              ]   0 % of 1000 entries",
		"copying   [===============               ]  50 % of 1000 entries",
		"copying   [==============================] 100 % of 1000 entries",
		"\x1b[K",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
