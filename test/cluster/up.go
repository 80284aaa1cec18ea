package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"
)

func runUp(c *cluster, args []string) error {
	s, err := upFlags(args)
	if err != nil {
		return err
	}
	if err := checkPreconditions(); err != nil {
		return err
	}
	if err := lock(); err != nil {
		return err
	}
	if err := c.checkOwner(); err != nil {
		return err
	}
	p := newProgress()
	if running, ok := c.runs(); ok {
		if !running.equal(s) {
			return fmt.Errorf("a cluster runs that was started differently (%s, not %s); take it down first: cluster down", running, s)
		}
		p.say("the cluster is up (%s)", running)
		return nil
	}
	if err := c.build(p); err != nil {
		return err
	}
	if c.anythingLeft() {
		p.say("cleaning up what an earlier cluster left")
	}
	if err := c.clean(); err != nil {
		return err
	}
	if err := c.create(p, s); err != nil {
		return fmt.Errorf("%w\ncluster logs DIR collects all logs, cluster down removes what was started", err)
	}
	p.say("the cluster is up (%s); use it with: cluster exec -- kubectl get nodes", s)
	return nil
}

// runs says whether a cluster is up and works, and with what settings. What
// "nfs" and "api" did to a server is undone for that.
func (c *cluster) runs() (settings, bool) {
	s, err := c.settings()
	if err != nil {
		return s, false
	}
	if c.repair(s) != nil {
		return s, false
	}
	return s, c.healthy(s) == nil
}

func upFlags(args []string) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("cluster up", flag.ExitOnError)
	flags.IntVar(&s.Nodes, "nodes", 2, "`number` of nodes")
	flags.StringVar(&s.Memory, "memory", "2560M", "`size` of each node's memory")
	flags.Func("apiserver-arg", "an `argument` for kube-apiserver, as --v=4; repeatable", func(arg string) error {
		s.APIServerArgs = append(s.APIServerArgs, arg)
		return nil
	})
	_ = flags.Parse(args) // ExitOnError
	if flags.NArg() > 0 {
		return s, errUsage
	}
	if s.Nodes < 1 || s.Nodes > maxNodes {
		return s, fmt.Errorf("--nodes %d: a cluster has 1 to %d nodes", s.Nodes, maxNodes)
	}
	_, err := parseMemory(s.Memory)
	return s, err
}

func (s settings) equal(other settings) bool {
	return s.Nodes == other.Nodes && s.Memory == other.Memory && slices.Equal(s.APIServerArgs, other.APIServerArgs)
}

func (s settings) String() string {
	text := fmt.Sprintf("%d nodes of %s", s.Nodes, s.Memory)
	for _, arg := range s.APIServerArgs {
		text += " " + arg
	}
	return text
}

// create makes a cluster where none is, from nothing to ready.
func (c *cluster) create(p *progress, s settings) error {
	if err := c.buildImages(); err != nil {
		return err
	}
	if err := c.makeDirs(c.run("logs"), c.run("loaded")); err != nil {
		return err
	}
	if err := errors.Join(c.takeOwnership(), c.installGuest(), c.buildRegisters(), c.makePKI(s.Nodes)); err != nil {
		return err
	}
	p.say("network")
	if err := makeNetwork(s.Nodes); err != nil {
		return err
	}
	p.say("NFS server")
	if err := c.startNFS(); err != nil {
		return err
	}
	p.say("control plane")
	if err := c.startControlPlane(s); err != nil {
		return err
	}
	p.say("nodes")
	var nodes []*daemon
	for n := 1; n <= s.Nodes; n++ {
		node, err := c.startNode(n, s)
		if err != nil {
			return err
		}
		nodes = append(nodes, node)
	}
	p.say("DNS")
	if err := c.startDNS(); err != nil {
		return err
	}
	return c.awaitNodes(p, s, nodes)
}

// awaitNodes waits until the nodes have the images and take pods.
func (c *cluster) awaitNodes(p *progress, s settings, nodes []*daemon) error {
	for i, node := range nodes {
		if err := node.await(2*time.Minute, c.agent(i+1).ping); err != nil {
			return err
		}
		if err := c.keepTime(node); err != nil {
			return err
		}
		p.say("%s has booted", node.role)
	}
	images, err := c.images()
	if err != nil {
		return err
	}
	if err := c.importEverywhere(s, images); err != nil {
		return err
	}
	p.say("images imported")
	api, err := c.api()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	err = poll(ctx, nil, func(ctx context.Context) error {
		return errors.Join(api.nodesReady(ctx, s.Nodes), api.usable(ctx), c.nfsdListens(ctx, s))
	})
	if err != nil {
		return fmt.Errorf("the nodes do not become ready: %w", err)
	}
	return c.saveSettings(s)
}

// images are the files of all images that a node gets.
func (c *cluster) images() ([]string, error) {
	loaded, err := filepath.Glob(c.run("loaded", "*.tar"))
	return append([]string{c.imageFile("pause"), c.imageFile("busybox")}, loaded...), err
}

// nfsdListens is nil when the NFS server of the last node can be reached.
func (c *cluster) nfsdListens(ctx context.Context, s settings) error {
	conn, err := dialInNamespace(ctx, "tcp", nodeAddress(s.Nodes)+":2049")
	if err != nil {
		return fmt.Errorf("the kernel's NFS server in %s: %w", nodeName(s.Nodes), err)
	}
	return conn.Close()
}

// roles are all processes that a cluster with these settings has.
func (s settings) roles() []string {
	roles := []string{"etcd", apiServerRole, "kube-controller-manager", "kube-scheduler", "coredns", "rpcbind", ganeshaRole}
	for n := 1; n <= s.Nodes; n++ {
		roles = append(roles, nodeName(n))
	}
	return roles
}

// missingRoles are those of the roles that no process has.
func (c *cluster) missingRoles(s settings) ([]string, error) {
	all, err := c.processes()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(s.roles(), func(role string) bool {
		return slices.ContainsFunc(all, func(p process) bool { return p.role == role })
	}), nil
}

// healthy is nil when all of a cluster with these settings works.
func (c *cluster) healthy(s settings) error {
	missing, err := c.missingRoles(s)
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		return fmt.Errorf("not running: %v", missing)
	}
	api, err := c.api()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := api.ready(ctx); err != nil {
		return fmt.Errorf("the API server is not ready: %w", err)
	}
	return errors.Join(api.nodesReady(ctx, s.Nodes), c.nfsdListens(ctx, s))
}

// mustRun refuses where no cluster of this state directory was started.
func (c *cluster) mustRun() error {
	if err := checkMachine(); err != nil {
		return err
	}
	if _, err := c.settings(); errors.Is(err, fs.ErrNotExist) {
		return errors.New("no cluster is up; start one: cluster up")
	} else if err != nil {
		return err
	}
	if _, ok := inode(namespaceFile); !ok {
		return errors.New("the cluster's network is gone (a reboot?); start it again: cluster up")
	}
	return c.checkOwner()
}
