package main

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
)

func TestAuthority(t *testing.T) {
	dir := t.TempDir()
	ca, err := newAuthority(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := ca.issue("server", identity{user: "server", names: []string{"kubernetes"}, addresses: []string{serviceAddress}}); err != nil {
		t.Fatal(err)
	}
	if err := ca.issue("client", identity{user: "someone", group: "system:masters"}); err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	pem, err := os.ReadFile(filepath.Join(dir, "ca.crt"))
	if err != nil || !roots.AppendCertsFromPEM(pem) {
		t.Fatalf("ca.crt: %v", err)
	}

	server := leaf(t, filepath.Join(dir, "server"))
	for _, name := range []string{"kubernetes", serviceAddress} {
		if _, err := server.Verify(x509.VerifyOptions{Roots: roots, DNSName: name}); err != nil {
			t.Errorf("the server's certificate for %s: %v", name, err)
		}
	}
	if _, err := server.Verify(x509.VerifyOptions{Roots: roots, DNSName: hostAddress}); err == nil {
		t.Error("the server's certificate is good for an address it was not issued for")
	}

	client := leaf(t, filepath.Join(dir, "client"))
	if _, err := client.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		t.Error("the client's certificate:", err)
	}
	if _, err := client.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}); err == nil {
		t.Error("the client's certificate is good for a server")
	}
	if got := client.Subject.String(); got != "CN=someone,O=system:masters" {
		t.Errorf("the client is %s", got)
	}
}

func leaf(t *testing.T, name string) *x509.Certificate {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(name+".crt", name+".key")
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	return cert
}
