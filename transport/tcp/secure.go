package tcp

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
)

// tlsConfig is c made fit for both ends of Raft's connections: TLS 1.3 only.
// Whether peers must show certificates, and whose, is c's to say.
func tlsConfig(c *tls.Config) (*tls.Config, error) {
	if c == nil {
		return nil, nil
	}
	if len(c.Certificates) == 0 && c.GetCertificate == nil && c.GetConfigForClient == nil {
		return nil, errors.New("TLS is asked for, but without a certificate to show to peers")
	}
	if c.MaxVersion != 0 && c.MaxVersion < tls.VersionTLS13 {
		return nil, errors.New("TLS is limited to less than version 1.3, which peers require")
	}
	c = c.Clone()
	c.MinVersion = tls.VersionTLS13
	return c, nil
}

// clientConfig is c for dialing address, whose host the certificate must name
// unless c says otherwise.
func clientConfig(c *tls.Config, address string) *tls.Config {
	if c.ServerName != "" {
		return c
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	c = c.Clone()
	c.ServerName = host
	return c
}

// secure sets up TLS and puts c on top of it.
func secure(c *conn, over *tls.Conn) error {
	if err := over.Handshake(); err != nil {
		if header := (tls.RecordHeaderError{}); errors.As(err, &header) {
			if string(header.RecordHeader[:]) == magic[:len(header.RecordHeader)] {
				return strangerf("speaks plain text, this node TLS")
			}
			return strangerf("does not speak TLS, this node does")
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return strangerf("did not set up TLS in time")
		}
		return fmt.Errorf("set up TLS: %w", err)
	}
	// GetConfigForClient may have brought its own settings.
	if v := over.ConnectionState().Version; v < tls.VersionTLS13 {
		return strangerf("settled on %s, this node requires TLS 1.3", tls.VersionName(v))
	}
	c.Conn = over
	return nil
}
