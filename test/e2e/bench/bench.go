package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/nfs-provisioner/nfs-provisioner/test/e2e/bench/loops"
)

// namespace is where the benchmark has its claims, leases and pods. It is fixed,
// so that a run finds what an interrupted one left.
const namespace = "nfs-provisioner-bench"

// Names of provisioners, and of classes of the same names: the one under test,
// one that nobody serves but bare loops, one of a block store, and one for the
// node.
const (
	classUnderTest = "bench.nfs-provisioner.invalid"
	classBare      = "bare.nfs-provisioner.invalid"
	classOther     = "other.nfs-provisioner.invalid"
	classInNode    = "node.nfs-provisioner.invalid"
)

// lease is how long the lease of provisioners and bare loops lasts.
const lease = 15 * time.Second

// bench is one run.
type bench struct {
	options
	sizes
	progress
	numbering *numbering
	profile   profile
	share     share
	beside    share // of bare loops that run at the same time as the provisioner
	admin     *rest.Config
	client    kubernetes.Interface
	store     *store
	// kubeconfig is that of the account of provisioners and bare loops, as
	// account is its client.
	kubeconfig string
	account    kubernetes.Interface
	ours       sample
	other      pair // of objects of somebody else
}

func (b *bench) logFile(name string) string { return filepath.Join(b.work, "logs", name+".log") }

// provisioner starts the provisioner under test.
func (b *bench) launchProvisioner(log string, workers int) (*process, string, error) {
	listen, err := freeAddress()
	if err != nil {
		return nil, "", err
	}
	s := start{
		provisioner: classUnderTest, server: loops.ShareServer, path: loops.SharePath, directory: b.share.root,
		kubeconfig: b.kubeconfig, namespace: namespace, workers: workers, lease: lease, listen: listen,
	}
	p, err := launch("the provisioner", b.logFile(log), b.options.provisioner, b.profile.arguments(s), b.profile.environment(s))
	return p, s.fill(b.profile.Ready), err
}

// freeAddress is an address that nobody listens on at the moment.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// awaitReady waits until a provisioner says that it is ready, if it can.
func awaitReady(ctx context.Context, p *process, url string) error {
	if url == "" {
		return nil
	}
	tick := time.NewTicker(often)
	defer tick.Stop()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		answer, err := http.DefaultClient.Do(request)
		if err == nil {
			err = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return err
			}
		}
		select {
		case <-p.ended:
			return p.died()
		case <-ctx.Done():
			return fmt.Errorf("the provisioner is not ready: %w", context.Cause(ctx))
		case <-tick.C:
		}
	}
}

// clear takes a batch of objects, and what was said about any, out of the
// cluster.
func (b *bench) clear(ctx context.Context, batch int) error {
	// What is to be cleaned up is so also after an interrupt.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Minute)
	defer cancel()
	return b.store.remove(ctx, append(prefixes(namespace, batch), eventKeys+namespace+"/")...)
}

// putPending makes claims that wait for the provisioner under test, or for bare
// loops if the class is theirs.
func (b *bench) putPending(ctx context.Context, n int, class string) ([]loops.Names, error) {
	names := b.numbering.some(passing, n)
	objects := make([]stored, n)
	for i, name := range names {
		var err error
		if objects[i], err = b.ours.pending.storedClaim(name, class); err != nil {
			return nil, err
		}
	}
	return names, b.store.put(ctx, objects)
}

// both runs two cleanups and keeps both errors.
func both(err error, cleanup func() error) error { return errors.Join(err, cleanup()) }
