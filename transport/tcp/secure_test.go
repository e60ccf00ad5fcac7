package tcp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/forkbikash/keyval/transport"
)

// authority issues certificates for one test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.cert, a.key = certify(t, template, nil)
	return a
}

func certify(t *testing.T, template *x509.Certificate, by *authority) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// mutual is the configuration of a node for host that asks peers for their
// certificates too.
func (a *authority) mutual(t *testing.T, host string, expires time.Time) *tls.Config {
	t.Helper()
	cert, key := certify(t, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: host},
		IPAddresses: []net.IP{net.ParseIP(host)},
		NotBefore:   time.Now().Add(-2 * time.Hour), NotAfter: expires,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a)
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}},
		RootCAs:      pool, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
	}
}

func TestTLS(t *testing.T) {
	const here, elsewhere = "127.0.0.1", "127.0.0.9"
	soon, past := time.Now().Add(time.Hour), time.Now().Add(-time.Hour)
	ca, otherCA := newAuthority(t), newAuthority(t)
	anonymous := ca.mutual(t, here, soon)
	// A server of its own needs a certificate; as a client it shows none.
	anonymous.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return new(tls.Certificate), nil }
	foreign := otherCA.mutual(t, here, soon)
	foreign.RootCAs = ca.mutual(t, here, soon).RootCAs

	tests := []struct {
		name             string
		dialer, acceptor *tls.Config
		dialErr, logged  string // empty: accepted
	}{
		{"mutual", ca.mutual(t, here, soon), ca.mutual(t, here, soon), "", ""},
		{"client of another CA", foreign, ca.mutual(t, here, soon), "tls:", "certificate"},
		{"client without certificate", anonymous, ca.mutual(t, here, soon), "tls: certificate required", "client didn't provide a certificate"},
		{"client with an expired one", ca.mutual(t, here, past), ca.mutual(t, here, soon), "tls:", "expired"},
		{"server of another CA", ca.mutual(t, here, soon), otherCA.mutual(t, here, soon), "x509: certificate signed by unknown authority", "bad certificate"},
		{"server with another host's", ca.mutual(t, here, soon), ca.mutual(t, elsewhere, soon), "127.0.0.9, not 127.0.0.1", "bad certificate"},
		{"plain to TLS", nil, ca.mutual(t, here, soon), "closed the connection before it had introduced itself", "speaks plain text, this node TLS"},
		{"TLS to plain", ca.mutual(t, here, soon), nil, "EOF", "speaks TLS, this node plain text"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			noLeak(t)
			var book logBook
			a := open(t, transport.Config{ID: "a", ClusterID: "c", TLS: tt.dialer})
			b := open(t, transport.Config{ID: "b", ClusterID: "c", TLS: tt.acceptor, Logger: book.logger()})
			serve(t, b, grantVotes)
			err := vote(a, b.LocalAddr())
			if tt.dialErr == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil {
				t.Fatal("they talked")
			}
			reset := strings.Contains(err.Error(), "reset by peer") // the answer may be lost to it
			if !reset && !strings.Contains(err.Error(), tt.dialErr) || !strings.HasPrefix(err.Error(), string(b.LocalAddr())) {
				t.Errorf("dialer: got %v, want %q", err, tt.dialErr)
			}
			book.wait(t, "level=WARN", "refused a connection", "peer=127.0.0.1:", tt.logged)
		})
	}
}

func TestTLSChecksTheClusterToo(t *testing.T) {
	ca := newAuthority(t)
	conf := ca.mutual(t, "127.0.0.1", time.Now().Add(time.Hour))
	a := open(t, transport.Config{ID: "a", ClusterID: "red", TLS: conf})
	b := open(t, transport.Config{ID: "b", ClusterID: "blue", TLS: conf})
	if err := vote(a, b.LocalAddr()); err == nil || !strings.Contains(err.Error(), "belongs to cluster blue, this node to red") {
		t.Errorf("got %v", err)
	}
}

func TestTLSRefusesOldVersions(t *testing.T) {
	ca := newAuthority(t)
	var book logBook
	conf := ca.mutual(t, "127.0.0.1", time.Now().Add(time.Hour))
	n := open(t, transport.Config{ID: "n", TLS: conf, Logger: book.logger()})
	old := conf.Clone()
	old.MaxVersion = tls.VersionTLS12
	c, err := tls.Dial("tcp", string(n.LocalAddr()), old)
	if err == nil {
		_ = c.Close()
		t.Error("TLS 1.2 was accepted")
	}
	book.wait(t, "refused a connection", "unsupported versions")

	// A configuration chosen for each client does not undercut it either.
	lax := conf.Clone()
	lax.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return conf, nil }
	m := open(t, transport.Config{ID: "m", TLS: lax, Logger: book.logger()})
	if c, err = tls.Dial("tcp", string(m.LocalAddr()), old); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if got, _ := io.ReadAll(c); len(got) != 0 {
		t.Errorf("TLS 1.2 was answered with %q", got)
	}
	book.wait(t, "refused a connection", "settled on TLS 1.2, this node requires TLS 1.3")
}

func TestTLSStrangersMeetTheDeadline(t *testing.T) {
	ca := newAuthority(t)
	conf := ca.mutual(t, "127.0.0.1", time.Now().Add(time.Hour))
	for send, want := range map[string]string{
		"":                   "did not set up TLS in time",
		"\x16\x03\x01":       "did not set up TLS in time",
		"GET / HTTP/1.1\r\n": "does not speak TLS, this node does",
	} {
		t.Run(want, func(t *testing.T) {
			var book logBook
			n := open(t, transport.Config{ID: "n", TLS: conf, Arg: timeoutFor(want), Logger: book.logger()})
			c := dialRaw(t, n)
			if _, err := io.WriteString(c, send); err != nil {
				t.Fatal(err)
			}
			book.wait(t, "level=WARN", "refused a connection", "peer="+c.LocalAddr().String(), want)
		})
	}
}

func TestTLSConfigThatCannotWork(t *testing.T) {
	ca := newAuthority(t)
	old := ca.mutual(t, "127.0.0.1", time.Now().Add(time.Hour))
	old.MaxVersion = tls.VersionTLS12
	for want, conf := range map[string]*tls.Config{
		"without a certificate":            {},
		"limited to less than version 1.3": old,
	} {
		if _, err := Open(transport.Config{Bind: freeAddr(t), TLS: conf}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
}
