package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"time"
)

// An authority signs every certificate of the cluster: those of the API server
// and of the kubelets, and those that clients show.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	dir  string
}

// frontProxy is whom the API server is to the API servers behind it.
const frontProxy = "front-proxy-client"

// makePKI writes the keys, certificates and kubeconfigs of a new cluster.
func (c *cluster) makePKI(nodes int) error {
	if err := os.MkdirAll(c.run("pki"), 0o700); err != nil {
		return err
	}
	ca, err := newAuthority(c.run("pki"))
	if err != nil {
		return err
	}
	if err := ca.issue("apiserver", identity{
		user: "kube-apiserver",
		names: []string{"kubernetes", "kubernetes.default", "kubernetes.default.svc",
			"kubernetes.default.svc.cluster.local", "localhost"},
		addresses: []string{serviceAddress, hostAddress, "127.0.0.1"},
	}); err != nil {
		return err
	}
	clients := map[string]identity{
		"admin":              {user: "admin", group: "system:masters"},
		"kubelet-client":     {user: "kube-apiserver-kubelet-client", group: "system:masters"},
		"controller-manager": {user: "system:kube-controller-manager"},
		"scheduler":          {user: "system:kube-scheduler"},
		frontProxy:           {user: frontProxy},
	}
	for n := 1; n <= nodes; n++ {
		clients[nodeName(n)] = identity{
			user: "system:node:" + nodeName(n), group: "system:nodes",
			names: []string{nodeName(n)}, addresses: []string{nodeAddress(n)},
		}
	}
	for name, id := range clients {
		if err := ca.issue(name, id); err != nil {
			return err
		}
		if err := c.writeKubeconfig(name); err != nil {
			return err
		}
	}
	if err := c.writeServiceAccountKey(); err != nil {
		return err
	}
	token := make([]byte, 16)
	_, _ = rand.Read(token) // never fails
	return os.WriteFile(c.pki(agentToken), []byte(hex.EncodeToString(token)), 0o600)
}

// An identity is whom a certificate speaks for. With names or addresses it is
// also good for a server.
type identity struct {
	user, group      string
	names, addresses []string
}

func newAuthority(dir string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	a := &authority{key: key, dir: dir}
	template := certificate("cluster-ca", "")
	template.IsCA = true
	template.BasicConstraintsValid = true
	template.KeyUsage |= x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		return nil, err
	}
	return a, a.write("ca", der, key)
}

// issue writes NAME.crt and NAME.key.
func (a *authority) issue(name string, id identity) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := certificate(id.user, id.group)
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	template.DNSNames = id.names
	for _, address := range id.addresses {
		template.IPAddresses = append(template.IPAddresses, net.ParseIP(address))
	}
	if len(id.names)+len(id.addresses) > 0 {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return err
	}
	return a.write(name, der, key)
}

func certificate(user, group string) *x509.Certificate {
	serial := make([]byte, 15)
	_, _ = rand.Read(serial) // never fails
	subject := pkix.Name{CommonName: user}
	if group != "" {
		subject.Organization = []string{group}
	}
	return &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial),
		Subject:      subject,
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().AddDate(1, 0, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
}

func (a *authority) write(name string, der []byte, key crypto.PrivateKey) error {
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	file := a.dir + "/" + name
	if err := writePEM(file+".key", "PRIVATE KEY", encoded); err != nil {
		return err
	}
	return writePEM(file+".crt", "CERTIFICATE", der)
}

func writePEM(name, kind string, der []byte) error {
	return os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}

// writeServiceAccountKey writes the key that signs the tokens of pods.
func (c *cluster) writeServiceAccountKey() error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	if err := writePEM(c.pki("service-account.key"), "PRIVATE KEY", private); err != nil {
		return err
	}
	return writePEM(c.pki("service-account.pub"), "PUBLIC KEY", public)
}

// writeKubeconfig writes a kubeconfig that needs no other file, for the
// certificate of that name.
func (c *cluster) writeKubeconfig(name string) error {
	var data [3]string
	for i, file := range []string{"ca.crt", name + ".crt", name + ".key"} {
		content, err := os.ReadFile(c.pki(file))
		if err != nil {
			return err
		}
		data[i] = base64.StdEncoding.EncodeToString(content)
	}
	kubeconfig := fmt.Sprintf(`apiVersion: v1
kind: Config
clusters:
- name: cluster
  cluster:
    server: https://%s:443
    certificate-authority-data: %s
users:
- name: %s
  user:
    client-certificate-data: %s
    client-key-data: %s
contexts:
- name: cluster
  context: {cluster: cluster, user: %[3]s}
current-context: cluster
`, hostAddress, data[0], name, data[1], data[2])
	return os.WriteFile(c.kubeconfig(name), []byte(kubeconfig), 0o600)
}
