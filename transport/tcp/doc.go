// Package tcp carries Raft RPCs over TCP: hashicorp/raft's own network transport
// on a stream layer that lets only introduced peers through.
//
// Before the first byte of Raft both ends of a connection say which cluster and
// node they are, and the dialer which node it wants (handshake.go states the
// frames). Another node than that, one of another cluster or of another protocol
// version, or something that is no keyval node at all is refused there, within a
// deadline and with bounded memory; raft never sees it. Ids that are empty are not
// compared. With [transport.Config.TLS] the introduction itself goes through TLS
// 1.3.
//
// [transport.Config.Arg] takes comma-separated options, all of them optional:
//
//	pool=N       idle connections kept for each peer; default 3
//	timeout=DUR  how long a peer may take to answer; default 10s
//	inflight=N   requests in one pipeline before the sender waits; default 2
//
// Every node of a cluster should have the same options, though nothing breaks
// while they differ.
package tcp
