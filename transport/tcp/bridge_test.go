package tcp

import (
	"errors"
	"testing"
)

func TestBridge(t *testing.T) {
	var book logBook
	b := &bridge{log: book.logger()}
	log := b.logger()
	log.With("local", "a:1").Error("failed", "error", errors.New("why"))
	log.Warn("hm")
	log.Info("so")
	log.Debug("detail")
	log.Trace("more detail")
	for _, want := range [][]string{
		{"level=ERROR", "msg=failed", "local=a:1", "error=why"},
		{"level=WARN", "msg=hm"},
		{"level=INFO", "msg=so"},
		{"level=DEBUG", "msg=detail"},
		{"level=DEBUG", `msg="more detail"`},
	} {
		if len(book.having(want...)) != 1 {
			t.Errorf("no line with %q in %q", want, book.having())
		}
	}

	b.closing.Store(true)
	log.Error("cut by Close")
	if len(book.having("level=DEBUG", "cut by Close")) != 1 {
		t.Error("what raft logs while it closes is still an error")
	}
}
