package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/klog/v2"

	"github.com/nfs-provisioner/nfs-provisioner/internal/controller"
)

// options are what flags and environment say.
type options struct {
	config      controller.Config
	shares      shares
	showVersion bool
	output      string // of an inventory
}

// Environment variables that nfs-subdir-external-provisioner reads, and the
// flags that they stand for. A flag that is given wins.
var variables = []struct{ name, flag string }{
	{"PROVISIONER_NAME", "provisioner-name"},
	{"ENABLE_LEADER_ELECTION", "leader-elect"},
	{"KUBECONFIG", "kubeconfig"},
	{"POD_NAMESPACE", "leader-election-namespace"},
}

// namespaceFile is where Kubernetes tells a pod its namespace.
const namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

func newFlagSet(name string) *pflag.FlagSet {
	set := pflag.NewFlagSet(name, pflag.ContinueOnError)
	set.SortFlags = false
	set.Usage = func() {}
	return set
}

func shareFlags(set *pflag.FlagSet, o *options) {
	const operationTimeout = 30 * time.Second
	set.Var(&o.shares, "share", "an NFS export and where it is mounted here, as "+shareForm+", with usageInterval=24h to have its volumes measured so often; repeatable, the first is the default share "+
		"[$"+sharesVariable+", one a line; else $NFS_SERVER and $NFS_PATH, mounted at "+legacyMount+"]")
	set.DurationVar(&o.config.OperationTimeout, "operation-timeout", operationTimeout, "how long one operation on a share may take before the claim is told")
}

func kubeconfigFlag(set *pflag.FlagSet, o *options) {
	set.StringVar(&o.config.Kubeconfig, "kubeconfig", "", "file that says how to reach the API server; inside a cluster none is needed [$KUBECONFIG]")
}

func flags(o *options) *pflag.FlagSet {
	const (
		workers       = 16
		leaseDuration = 15 * time.Second
		renewDeadline = 10 * time.Second
		retryPeriod   = 500 * time.Millisecond
		drainTimeout  = 20 * time.Second

		inventoryInterval = 10 * time.Minute
	)
	c := &o.config
	set := newFlagSet("nfs-provisioner")

	set.StringVar(&c.Provisioner, "provisioner-name", "", "name that classes give as their provisioner [$PROVISIONER_NAME]")
	set.StringSliceVar(&c.Additional, "additional-provisioner-names", nil, "more names whose claims and volumes this install serves, such as that of the install it replaces")
	shareFlags(set, o)
	set.IntVar(&c.Workers, "workers", workers, "how many claims, and as many deletions, are worked on at once on each share")

	set.DurationVar(&c.InventoryInterval, "inventory-interval", inventoryInterval, "time between two looks at all that is on a share: for the metrics, for what a crash left, for archives that are too old")
	set.BoolVar(&c.ArchiveRetentionDryRun, "archive-retention-dry-run", false, "log archives that are older than their class's archiveRetention, and do not remove them")

	kubeconfigFlag(set, o)
	set.Float32Var(&c.QPS, "kube-api-qps", -1, "requests a second to the API server; negative: no limit, the API server's priority and fairness decides")
	set.IntVar(&c.Burst, "kube-api-burst", 0, "requests allowed at once above --kube-api-qps")

	set.BoolVar(&c.LeaderElect, "leader-elect", true, "let only one of several replicas work [$ENABLE_LEADER_ELECTION]")
	set.StringVar(&c.LeaseNamespace, "leader-election-namespace", "", "namespace of the lease [$POD_NAMESPACE, else that of the service account]")
	set.StringVar(&c.LeaseName, "leader-election-lease-name", "", "name of the lease (default the provisioner's name, with - for /)")
	set.DurationVar(&c.LeaseDuration, "leader-election-lease-duration", leaseDuration, "how long the others wait for a leader that is silent")
	set.DurationVar(&c.RenewDeadline, "leader-election-renew-deadline", renewDeadline, "how long a leader that cannot renew its lease goes on")
	set.DurationVar(&c.RetryPeriod, "leader-election-retry-period", retryPeriod, "time between two tries to get or renew the lease")
	set.DurationVar(&c.DrainTimeout, "drain-timeout", drainTimeout, "how long work in flight may take to end after SIGTERM")

	set.StringVar(&c.ListenAddress, "listen-address", ":8080", "address of /metrics, /healthz and /readyz; empty: none")
	set.StringVar(&c.PprofAddress, "pprof-address", "", "address of /debug/pprof, such as localhost:6060, for profiles of this process; empty: none")

	set.AddGoFlag(verbosity())
	set.BoolVar(&o.showVersion, "version", false, "print the version and exit")
	return set
}

// verbosity is klog's flag, which has its value.
func verbosity() *flag.Flag {
	var all flag.FlagSet
	klog.InitFlags(&all)
	return all.Lookup("v")
}

// Of the text of --help.
const (
	usageWidth   = 120
	flagsHeading = "Flags [and the environment variable that is read when the flag is not given]:\n"
)

// usage is the text of --help.
func usage() string {
	return "nfs-provisioner turns PersistentVolumeClaims into directories on NFS exports that exist already.\n\n" +
		"Usage:\n  nfs-provisioner --provisioner-name NAME --share " + shareForm + " [flags]\n" +
		"  nfs-provisioner " + inventoryCommand + " [flags]     list what is on the shares\n\n" +
		flagsHeading + flags(&options{}).FlagUsagesWrapped(usageWidth)
}

// parse reads flags and environment and reports everything that is wrong with
// their form; controller.Config.Validate judges what they say.
func parse(arguments, environment []string) (options, error) {
	var o options
	set := flags(&o)
	if err := set.Parse(arguments); err != nil {
		return o, err
	}
	if o.showVersion {
		return o, nil
	}
	if err := o.read(set, environment); err != nil {
		return o, err
	}
	return o, o.config.Validate()
}

// read fills in what the environment says and what follows from other settings.
func (o *options) read(set *pflag.FlagSet, environment []string) error {
	var problems []error
	if set.NArg() > 0 {
		problems = append(problems, fmt.Errorf("%q is not a flag; there are no other arguments", set.Arg(0)))
	}
	env := map[string]string{}
	for _, pair := range environment {
		name, value, _ := strings.Cut(pair, "=")
		env[name] = value
	}
	for _, v := range variables {
		value := env[v.name]
		if value == "" || set.Lookup(v.flag) == nil || set.Changed(v.flag) {
			continue
		}
		if err := set.Set(v.flag, value); err != nil {
			problems = append(problems, fmt.Errorf("environment variable %s is %q: %w", v.name, value, errors.Unwrap(err)))
		}
	}
	return errors.Join(append(problems, o.complete(env))...)
}

// complete fills in what follows from other settings.
func (o *options) complete(env map[string]string) error {
	c := &o.config
	c.Version = version
	if len(o.shares) == 0 {
		if err := o.shares.read(env); err != nil {
			return err
		}
	}
	c.Shares = o.shares
	if c.LeaseName == "" {
		c.LeaseName = strings.NewReplacer("/", "-", "_", "-").Replace(strings.ToLower(c.Provisioner))
	}
	if c.LeaderElect && c.LeaseNamespace == "" {
		if data, err := os.ReadFile(namespaceFile); err == nil {
			c.LeaseNamespace = strings.TrimSpace(string(data))
		}
	}
	return nil
}
