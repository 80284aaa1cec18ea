package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

// An api is a client of the cluster's API server that knows just enough to
// tell whether the cluster is ready.
type api struct{ client *http.Client }

func (c *cluster) api() (*api, error) {
	cert, err := tls.LoadX509KeyPair(c.pki("admin.crt"), c.pki("admin.key"))
	if err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(c.pki("ca.crt"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	return &api{&http.Client{Transport: &http.Transport{
		DialContext:     dialInNamespace,
		TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{cert}},
	}}}, nil
}

// dialTimeout is long: a node has one CPU, and may be busy.
const dialTimeout = 10 * time.Second

// dialInNamespace connects to a numeric address from inside the cluster's
// network namespace.
func dialInNamespace(ctx context.Context, network, address string) (conn net.Conn, err error) {
	err = inNamespace(func() error {
		dialer := net.Dialer{Timeout: dialTimeout}
		conn, err = dialer.DialContext(ctx, network, address)
		return err
	})
	return conn, err
}

// get reads a path of the API into result, unless that is nil.
func (a *api) get(ctx context.Context, path string, result any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+hostAddress+":443"+path, nil)
	if err != nil {
		return err
	}
	response, err := a.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", path, response.Status)
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(body, result)
}

func (a *api) ready(ctx context.Context) error { return a.get(ctx, "/readyz", nil) }

// nodesReady is nil when that many nodes are Ready.
func (a *api) nodesReady(ctx context.Context, want int) error {
	var list struct {
		Items []struct {
			Metadata struct{ Name string }
			Status   struct {
				Conditions []struct{ Type, Status, Message string }
			}
		}
	}
	if err := a.get(ctx, "/api/v1/nodes", &list); err != nil {
		return err
	}
	if len(list.Items) < want {
		return fmt.Errorf("%d of %d nodes have registered", len(list.Items), want)
	}
	for _, node := range list.Items {
		err := fmt.Errorf("%s has not reported yet", node.Metadata.Name)
		for _, condition := range node.Status.Conditions {
			if condition.Type != "Ready" {
				continue
			}
			if err = nil; condition.Status != "True" {
				err = fmt.Errorf("%s is not ready: %s", node.Metadata.Name, condition.Message)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// usable is nil when pods can be created in the namespace "default".
func (a *api) usable(ctx context.Context) error {
	return errors.Join(
		a.get(ctx, "/api/v1/namespaces/default/serviceaccounts/default", nil),
		a.get(ctx, "/api/v1/namespaces/default/configmaps/kube-root-ca.crt", nil),
	)
}
