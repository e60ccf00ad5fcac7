// Package httpapi is keyval's HTTP interface: handlers over [Node], a small
// interface that a node of core/node satisfies, with every error as RFC 9457
// problem details.
//
// A request that only the leader can serve reaches it as [Forward] says, in one
// hop at most, and is never sent twice. What an error answer promises about a
// write: 504, and any answer with "outcome": "unknown", means that it may have
// been applied or may yet be; every other error means that it was not and will
// not be.
//
// This is the edge where time, sockets and strangers' bytes come in. The app
// and tests import it; it knows nothing of storage or transport.
package httpapi
