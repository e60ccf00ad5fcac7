package httpapi

import (
	"log/slog"
	"net"
	"net/http"
	"time"
)

const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = time.Minute // a body of 4 MiB over a slow line

	// More than relayIdleTimeout: the side that sends requests closes first.
	idleTimeout = 3 * time.Minute

	// A key of 4 KiB, each byte escaped, and room for a browser's headers.
	maxHeaderBytes = 64 << 10

	answerMargin = 10 * time.Second // to write an answer once it is known
)

// NewServer returns a server for h, which is a [Handler] or leads to one, with
// every timeout set, so that slow or silent clients cannot hold connections
// forever. Calls that take longer move their own deadlines. Its Shutdown waits
// for requests, and not for connections that never sent one. Of o it uses
// RequestTimeout and Logger.
func NewServer(h http.Handler, o Options) *http.Server {
	o = o.withDefaults()
	unused := &silent{conns: make(map[net.Conn]struct{})}
	s := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      readTimeout + o.RequestTimeout + answerMargin,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(o.Logger.Handler(), slog.LevelWarn),
		ConnState:         unused.note,
	}
	s.RegisterOnShutdown(unused.close)
	return s
}

// allowTime lets a request's answer come after d, whatever the server's
// WriteTimeout. No read deadline is left by then: net/http lifts it once the
// body is read.
func allowTime(w *answer, d time.Duration) {
	// A writer without deadlines, as in tests, needs none moved.
	_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(time.Now().Add(d + answerMargin))
}
