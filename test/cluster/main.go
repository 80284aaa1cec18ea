// Command cluster runs a throw-away Kubernetes cluster on one Linux machine,
// for tests of software that mounts NFS.
//
// What is real: etcd, kube-apiserver with RBAC, kube-controller-manager,
// kube-scheduler and kubelet, containerd and runc, CoreDNS, the Linux kernel's
// NFS client, and two NFS servers (nfs-ganesha and the kernel's own). It needs
// no registry, no container engine, no virtualisation and nothing from the
// network but Go modules and Debian packages.
//
// What is not: there is no kube-proxy, so that of all services only the API
// server's and headless ones can be reached; no way out of the cluster's
// network; one CPU a node; and nothing survives "cluster down".
//
// Everything runs in one network namespace; the nodes are user-mode Linux
// guests in it. All state is in one directory. See README.md.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
)

// A command is one subcommand of the program. Its run function gets the
// arguments after its name.
type command struct {
	name, arguments, summary string
	run                      func(c *cluster, args []string) error
}

// commands are listed in the order a user meets them.
var commands = []command{
	{"packages", "", "install the Debian packages that are missing, and get the nodes' kernel", runPackages},
	{"build", "", "build etcd, Kubernetes, CoreDNS and Helm from Go modules", runBuild},
	{"up", "[--nodes N]", "start the cluster and wait until it is ready", runUp},
	{"load", "FILE.tar...", "import images (docker-archive) into every node", runLoad},
	{"exec", "-- COMMAND ARGUMENTS...", "run a command with the cluster's network and environment", runExec},
	{"node", "N -- COMMAND ARGUMENTS...", "run a command as root on node N itself", runNode},
	{"nfs", actions, "control nfs-ganesha, for tests of an outage", ganesha.run},
	{"api", actions, "control kube-apiserver, likewise; what it serves stays in etcd", apiServer.run},
	{"status", "", "say what runs; exit code 1 unless all of it does", runStatus},
	{"logs", "DIR", "copy all logs into a directory", runLogs},
	{"down", "", "stop the cluster and delete it; what was built is kept", runDown},
}

// agentCommand is run inside the guests, never by a user.
const agentCommand = "agent"

// errUsage asks main for the usage and exit code 2.
var errUsage = errors.New("usage")

func main() {
	flags := flag.NewFlagSet("cluster", flag.ExitOnError)
	state := flags.String("state", "", "directory of the cluster's state and of what it builds (default ~/.cache/nfs-provisioner/cluster)")
	flags.Usage = func() { usage(flags) }
	_ = flags.Parse(os.Args[1:]) // ExitOnError
	if flags.NArg() == 0 {
		usage(flags)
		os.Exit(2)
	}
	err := run(*state, flags.Arg(0), flags.Args()[1:])
	switch {
	case errors.Is(err, errUsage):
		usage(flags)
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

func run(state, name string, args []string) error {
	if name == agentCommand {
		return runAgent(args)
	}
	for _, command := range commands {
		if command.name != name {
			continue
		}
		c, err := newCluster(state)
		if err != nil {
			return err
		}
		return command.run(c, args)
	}
	return errUsage
}

func usage(flags *flag.FlagSet) {
	fmt.Fprint(os.Stderr, "usage: cluster [--state DIR] COMMAND\n\n")
	for _, c := range commands {
		fmt.Fprintf(os.Stderr, "  %-36s %s\n", c.name+" "+c.arguments, c.summary)
	}
	fmt.Fprintln(os.Stderr)
	flags.PrintDefaults()
}

// noArguments refuses arguments to a command that takes none.
func noArguments(args []string) error {
	if len(args) > 0 {
		return errUsage
	}
	return nil
}
