package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"time"
)

const (
	etcdURL       = "http://127.0.0.1:2379"
	apiServerRole = "kube-apiserver"
)

// startControlPlane starts etcd, the API server, and what works on it.
func (c *cluster) startControlPlane(s settings) error {
	// What etcd holds does not outlive the cluster, so it need not be on disk.
	if _, err := c.start("etcd", []string{c.bin("etcd"), "--data-dir", c.run("etcd"), "--unsafe-no-fsync",
		"--listen-client-urls", etcdURL, "--advertise-client-urls", etcdURL, "--log-level", "warn"}); err != nil {
		return err
	}
	if err := c.startAPIServer(s); err != nil {
		return err
	}
	if _, err := c.start("kube-controller-manager", []string{c.bin("kube-controller-manager"),
		"--kubeconfig=" + c.kubeconfig("controller-manager"),
		"--authentication-kubeconfig=" + c.kubeconfig("controller-manager"),
		"--authorization-kubeconfig=" + c.kubeconfig("controller-manager"),
		"--use-service-account-credentials=true",
		"--service-account-private-key-file=" + c.pki("service-account.key"),
		"--root-ca-file=" + c.pki("ca.crt"),
		"--leader-elect=false",
		"--kube-api-qps=1000", "--kube-api-burst=2000",
		"--controllers=*,-node-ipam-controller", // the nodes know their pods' addresses
	}); err != nil {
		return err
	}
	_, err := c.start("kube-scheduler", []string{c.bin("kube-scheduler"),
		"--kubeconfig=" + c.kubeconfig("scheduler"),
		"--authentication-kubeconfig=" + c.kubeconfig("scheduler"),
		"--authorization-kubeconfig=" + c.kubeconfig("scheduler"),
		"--leader-elect=false",
		"--kube-api-qps=1000", "--kube-api-burst=2000",
	})
	return err
}

// startAPIServer starts the API server; what it serves is in etcd.
func (c *cluster) startAPIServer(s settings) error {
	audit, err := c.auditArgs()
	if err != nil {
		return err
	}
	apiserver, err := c.start(apiServerRole, slices.Concat([]string{c.bin("kube-apiserver"),
		"--etcd-servers=" + etcdURL,
		"--bind-address=0.0.0.0", "--secure-port=443", "--advertise-address=" + hostAddress,
		"--tls-cert-file=" + c.pki("apiserver.crt"), "--tls-private-key-file=" + c.pki("apiserver.key"),
		"--client-ca-file=" + c.pki("ca.crt"),
		"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction", "--allow-privileged=true",
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + c.pki("service-account.pub"),
		"--service-account-signing-key-file=" + c.pki("service-account.key"),
		"--service-cluster-ip-range=" + serviceCIDR,
		"--kubelet-certificate-authority=" + c.pki("ca.crt"),
		"--kubelet-client-certificate=" + c.pki("kubelet-client.crt"),
		"--kubelet-client-key=" + c.pki("kubelet-client.key"),
		"--kubelet-preferred-address-types=InternalIP",
		"--requestheader-client-ca-file=" + c.pki("ca.crt"), "--requestheader-allowed-names=" + frontProxy,
		"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + c.pki(frontProxy+".crt"), "--proxy-client-key-file=" + c.pki(frontProxy+".key"),
	}, audit, s.APIServerArgs))
	if err != nil {
		return err
	}
	api, err := c.api()
	if err != nil {
		return err
	}
	return apiserver.await(2*time.Minute, api.ready)
}

// startDNS starts CoreDNS, which the pods' resolv.conf names.
func (c *cluster) startDNS() error {
	const readyAddress = hostAddress + ":8181"
	corefile := fmt.Sprintf(`.:53 {
    errors
    ready %s
    kubernetes cluster.local in-addr.arpa {
        kubeconfig %s
        ttl 1
    }
}
`, readyAddress, c.kubeconfig("admin"))
	if err := os.WriteFile(c.run("Corefile"), []byte(corefile), 0o644); err != nil {
		return err
	}
	dns, err := c.start("coredns", []string{c.bin("coredns"), "-conf", c.run("Corefile")})
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{DialContext: dialInNamespace}}
	return dns.await(time.Minute, func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+readyAddress+"/ready", nil)
		if err != nil {
			return err
		}
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return errors.New(response.Status)
		}
		return nil
	})
}
