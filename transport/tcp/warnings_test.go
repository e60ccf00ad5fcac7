package tcp

import (
	"fmt"
	"testing"
	"time"
)

func TestWarningsRepeatOnceAWhile(t *testing.T) {
	var book logBook
	now := time.Unix(0, 0)
	w := newWarnings(book.logger())
	w.now = func() time.Time { return now }

	for range 10 {
		w.warn("a", "hello")
	}
	w.warn("b", "hello")
	if got := len(book.having("msg=hello")); got != 2 {
		t.Errorf("two kinds of event made %d lines, want 2", got)
	}
	now = now.Add(quiet)
	w.warn("a", "hello")
	if got := book.having("repeated=9"); len(got) != 1 {
		t.Errorf("the next line does not say that 9 were skipped: %q", book.having())
	}
}

func TestWarningsAreBounded(t *testing.T) {
	var book logBook
	now := time.Unix(0, 0)
	w := newWarnings(book.logger())
	w.now = func() time.Time { return now }

	for i := range 100 * maxKinds {
		w.warn(fmt.Sprint("kind ", i), "flood")
	}
	if got, most := len(w.last), maxKinds+1; got > most {
		t.Errorf("%d kinds are remembered, want at most %d", got, most)
	}
	if got, most := len(book.having("flood")), maxKinds+1; got > most {
		t.Errorf("%d lines, want at most %d", got, most)
	}
	now = now.Add(quiet)
	w.warn("later", "again")
	if len(book.having("msg=again")) != 1 {
		t.Error("a new kind of event is not logged after the flood")
	}
}
