package httpapi

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pipeListener hands out connections that need no network, which a bubble of
// virtual time could not wait for.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (l *pipeListener) dial() net.Conn {
	ours, theirs := net.Pipe()
	l.conns <- theirs
	return ours
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{} }

// A server that shuts down cuts connections that were never used, before the
// request under way is done, and lets that one finish.
func TestShutdownCutsSilentConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun, finish := make(chan struct{}), make(chan struct{})
		s := NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			close(begun)
			<-finish
			w.WriteHeader(http.StatusNoContent)
		}), Options{})
		l := newPipeListener()
		served := make(chan error, 1)
		go func() { served <- s.Serve(l) }()

		unused, busy := l.dial(), l.dial()
		defer unused.Close()
		defer busy.Close()
		if _, err := io.WriteString(busy, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		<-begun

		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second) // virtual, and less than net/http's own patience
		defer cancel()
		stopped := make(chan error, 1)
		go func() { stopped <- s.Shutdown(ctx) }()
		if _, err := unused.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("the unused connection: got %v, want its end", err)
		}
		close(finish)
		resp, err := http.ReadResponse(bufio.NewReader(busy), nil)
		if err != nil || resp.StatusCode != http.StatusNoContent {
			t.Errorf("the request under way: got %v, %v", resp, err)
		}
		if err := <-stopped; err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("Serve: %v", err)
		}
	})
}

// One that is accepted while the server shuts down is cut too.
func TestSilentConnectionDuringShutdown(t *testing.T) {
	s := &silent{conns: make(map[net.Conn]struct{})}
	s.close()
	ours, theirs := net.Pipe()
	defer ours.Close()
	s.note(theirs, http.StateNew)
	if _, err := ours.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want its end", err)
	}
}
