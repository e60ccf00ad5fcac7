package tcp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode"
	"unicode/utf8"
)

// The handshake is one frame each way. The dialer sends a hello and nothing more
// until it has read the reply, so that neither end ever reads past the handshake.
//
//	magic    7 bytes   never a start of HTTP, of TLS, or of a bare Raft RPC
//	version  1 byte    of all that follows
//	kind     1 byte    hello, or a verdict
//	cluster  2 bytes of length, big endian, and the id; may be empty
//	node     likewise
//	want     likewise: the node that the dialer means to reach; empty in a reply
//
// Magic and version stay as they are in every version, so that two versions can
// at least tell each other apart.
const (
	magic   = "\xc1keyval"
	version = 2

	prefixLen = len(magic) + 1

	// maxIDLen holds a host name and a port, which is what a node is called by
	// default, with room to spare.
	maxIDLen    = 512
	maxFrameLen = prefixLen + 1 + 3*(2+maxIDLen)
)

const (
	kindHello byte = iota
	kindAccepted
	kindOtherCluster
	kindOtherVersion
	kindOtherNode
)

// identity is what a node says about itself when it connects.
type identity struct{ cluster, node string }

// accepts reports whether a peer may talk Raft to this node. One that names no
// cluster has not joined any yet.
func (id identity) accepts(peer identity) bool {
	return id.cluster == "" || peer.cluster == "" || id.cluster == peer.cluster
}

func (id identity) otherCluster(peer identity) error {
	return strangerf("belongs to cluster %s, this node to %s", peer.cluster, id.cluster)
}

// meets reports whether the node is the one that is wanted, as far as both are
// known: whoever has no id is not checked.
func meets(want, node string) bool { return want == "" || node == "" || want == node }

// same reports whether peer says that it is this node.
func (id identity) same(peer identity) bool { return id.node != "" && id.node == peer.node }

// otherNode is the dialer's word for a peer that is not the node that it wants.
func (id identity) otherNode(peer identity, want string) error {
	is := "is node " + peer.node
	if !meets(want, peer.node) {
		is += ", not " + want
	}
	if id.same(peer) {
		is += ": the address leads to this node itself, or to one of the same id"
	}
	return strangerf("%s", is)
}

// checkID says why no node could introduce itself with id.
func checkID(what, id string) error {
	switch {
	case len(id) > maxIDLen:
		return fmt.Errorf("the %s id has %d bytes, the limit is %d", what, len(id), maxIDLen)
	case !utf8.ValidString(id) || bytes.ContainsFunc([]byte(id), unicode.IsControl):
		return fmt.Errorf("the %s id %q is not printable text", what, id)
	}
	return nil
}

// strangerError says why a peer does not belong here, as the rest of a sentence
// that begins with its address. It is the peer's doing, not the network's.
type strangerError struct {
	reason string

	// otherVersion is for a peer whose magic is right: it can read a reply.
	otherVersion bool
}

func (e *strangerError) Error() string { return e.reason }

func strangerf(format string, args ...any) error {
	return &strangerError{reason: fmt.Sprintf(format, args...)}
}

type frame struct {
	kind byte
	from identity
	want string
}

func (f frame) encode() []byte {
	b := make([]byte, 0, maxFrameLen)
	b = append(b, magic...)
	b = append(b, version, f.kind)
	for _, id := range []string{f.from.cluster, f.from.node, f.want} {
		b = binary.BigEndian.AppendUint16(b, uint16(len(id)))
		b = append(b, id...)
	}
	return b
}

// readFrame reads one frame and not a byte more, and allocates no more than a
// frame can hold, whatever the other end claims.
func readFrame(r io.Reader) (frame, error) {
	var head [prefixLen]byte
	if n, err := io.ReadFull(r, head[:]); err != nil {
		return frame{}, silence(err, n)
	}
	if string(head[:len(magic)]) != magic {
		return frame{}, strangerf("%s", describe(head[:]))
	}
	if v := head[len(magic)]; v != version {
		return frame{}, &strangerError{
			reason:       fmt.Sprintf("speaks version %d of the handshake, this node version %d: run the same release of keyval on both", v, version),
			otherVersion: true,
		}
	}
	var f frame
	var kind [1]byte
	if n, err := io.ReadFull(r, kind[:]); err != nil {
		return frame{}, silence(err, prefixLen+n)
	}
	f.kind = kind[0]
	var err error
	if f.from.cluster, err = readID(r, "cluster"); err != nil {
		return frame{}, err
	}
	if f.from.node, err = readID(r, "node"); err != nil {
		return frame{}, err
	}
	if f.want, err = readID(r, "wanted node"); err != nil {
		return frame{}, err
	}
	return f, nil
}

func readID(r io.Reader, what string) (string, error) {
	var size [2]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return "", silence(err, prefixLen)
	}
	n := int(binary.BigEndian.Uint16(size[:]))
	if n > maxIDLen {
		return "", strangerf("claims a %s id of %d bytes, the limit is %d", what, n, maxIDLen)
	}
	id := make([]byte, n)
	if _, err := io.ReadFull(r, id); err != nil {
		return "", silence(err, prefixLen)
	}
	if checkID(what, string(id)) != nil {
		return "", strangerf("sent a %s id that is not printable text", what)
	}
	return string(id), nil
}

// silence turns the end of the stream into words; got is how much came before it.
func silence(err error, got int) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return strangerf("did not introduce itself in time (%d bytes came)", got)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return strangerf("closed the connection before it had introduced itself")
	}
	return err
}

// describe names what begins like head, for whoever dialed the wrong port.
func describe(head []byte) string {
	for _, verb := range []string{"GET ", "HEAD ", "POST ", "PUT ", "DELETE ", "OPTIONS ", "CONNECT ", "PRI ", "HTTP/"} {
		if bytes.HasPrefix(head, []byte(verb)) {
			return "speaks HTTP: this is a Raft address"
		}
	}
	const tlsAlert, tlsHandshake, tlsMajor = 0x15, 0x16, 0x03
	if (head[0] == tlsAlert || head[0] == tlsHandshake) && head[1] == tlsMajor {
		return "speaks TLS, this node plain text"
	}
	return fmt.Sprintf("does not speak keyval's protocol (it began with %q)", head)
}

// introduce is the dialer's half of the handshake. It wants a node by its id, or
// any if want is empty.
func introduce(c io.ReadWriter, self identity, want string) error {
	if _, err := c.Write((frame{kindHello, self, want}).encode()); err != nil {
		return err
	}
	reply, err := readFrame(c)
	switch {
	case err != nil:
		return err
	case reply.kind == kindOtherCluster, reply.kind == kindAccepted && !self.accepts(reply.from):
		return self.otherCluster(reply.from)
	case reply.kind == kindOtherNode, reply.kind == kindAccepted && (self.same(reply.from) || !meets(want, reply.from.node)):
		return self.otherNode(reply.from, want)
	case reply.kind == kindAccepted:
		return nil
	}
	return strangerf("sent a reply of unknown kind %d", reply.kind)
}

// receive is the acceptor's half. It answers only a peer that speaks the
// protocol; anything else learns nothing about this node.
func receive(c io.ReadWriter, self identity) (identity, error) {
	hello, err := readFrame(c)
	verdict := kindAccepted
	var stranger *strangerError
	switch {
	case errors.As(err, &stranger) && stranger.otherVersion:
		verdict = kindOtherVersion
	case err != nil:
		return identity{}, err
	case hello.kind != kindHello:
		return identity{}, strangerf("sent a greeting of unknown kind %d", hello.kind)
	case !self.accepts(hello.from):
		verdict, err = kindOtherCluster, self.otherCluster(hello.from)
	case self.same(hello.from):
		verdict, err = kindOtherNode, strangerf("says that it is node %s, which this node is", self.node)
	case !meets(hello.want, self.node):
		verdict, err = kindOtherNode, strangerf("looks for node %s, this is node %s", hello.want, self.node)
	}
	if _, werr := c.Write((frame{verdict, self, ""}).encode()); werr != nil && err == nil {
		return hello.from, werr
	}
	if err != nil {
		// Closing on bytes that were not read resets the connection and may
		// take the reply with it, so let the peer hang up first. The caller's
		// deadline bounds how long that may take.
		_, _ = io.CopyN(io.Discard, c, int64(maxFrameLen))
	}
	return hello.from, err
}
