package controller

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

// Config is everything that flags and environment can set.
type Config struct {
	Version string

	// Provisioner is the name that classes give as their provisioner;
	// Additional are names whose claims and volumes are served too.
	Provisioner string
	Additional  []string

	Shares           []share.Location // the first is the default
	OperationTimeout time.Duration    // of one operation on a share

	Workers    int     // claims, and volumes, handled at once
	QPS        float32 // requests a second; negative for no limit of our own
	Burst      int
	Kubeconfig string // "" inside a cluster

	// InventoryInterval is the time between two looks at all that is on a share.
	InventoryInterval time.Duration
	// ArchiveRetentionDryRun: archives that are too old are logged, not removed.
	ArchiveRetentionDryRun bool

	ListenAddress string // of /metrics, /healthz and /readyz, "" for none
	PprofAddress  string // of /debug/pprof, "" for none

	LeaderElect    bool
	LeaseNamespace string
	LeaseName      string
	LeaseDuration  time.Duration // how long others wait for a leader that is silent
	RenewDeadline  time.Duration // how long a leader tries to renew before it gives up
	RetryPeriod    time.Duration // between two tries
	DrainTimeout   time.Duration // for what is in flight when the process is asked to stop
}

var shareName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`)

// Validate reports everything that is wrong with the configuration, a sentence
// for each mistake.
func (c Config) Validate() error {
	var problems []error
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }

	for _, name := range append([]string{c.Provisioner}, c.Additional...) {
		if name == "" {
			wrong("the provisioner's name is empty; set --provisioner-name or PROVISIONER_NAME")
		} else if errs := validation.IsQualifiedName(strings.ToLower(name)); len(errs) > 0 {
			wrong("the provisioner's name %q is not allowed: %s", name, strings.Join(errs, "; "))
		}
	}
	if slices.Contains(c.Additional, c.Provisioner) {
		wrong("--additional-provisioner-names repeats the provisioner's own name %q", c.Provisioner)
	}
	problems = append(problems, c.ValidateShares())
	for _, d := range []struct {
		flag  string
		value time.Duration
	}{
		{"--inventory-interval", c.InventoryInterval},
		{"--leader-election-retry-period", c.RetryPeriod},
		{"--drain-timeout", c.DrainTimeout},
	} {
		if d.value <= 0 {
			wrong("%s is %v; it must be more than 0", d.flag, d.value)
		}
	}
	if c.Workers < 1 {
		wrong("--workers is %d; it must be at least 1", c.Workers)
	}
	if c.LeaderElect && (c.LeaseDuration <= c.RenewDeadline || c.RenewDeadline <= 2*c.RetryPeriod) {
		wrong("--leader-election-lease-duration (%v) must be longer than --leader-election-renew-deadline (%v), "+
			"and that longer than twice --leader-election-retry-period (%v)", c.LeaseDuration, c.RenewDeadline, c.RetryPeriod)
	}
	if c.QPS > 0 && c.Burst < 1 {
		wrong("--kube-api-qps is %v, so --kube-api-burst must be at least 1; it is %d", c.QPS, c.Burst)
	}
	if errs := validation.IsDNS1123Subdomain(c.LeaseName); c.LeaderElect && c.Provisioner != "" && len(errs) > 0 {
		wrong("the lease's name %q is not allowed; set --leader-election-lease-name: %s", c.LeaseName, strings.Join(errs, "; "))
	}
	if c.LeaderElect && c.LeaseNamespace == "" {
		wrong("leader election needs a namespace; set --leader-election-namespace or POD_NAMESPACE")
	}
	return errors.Join(problems...)
}

// ValidateShares is Validate for what every command needs to know.
func (c Config) ValidateShares() error {
	var problems []error
	if len(c.Shares) == 0 {
		problems = append(problems, errors.New("there is no share; give --share name=NAME,server=HOST,path=/export,mount=/mount, or set NFS_SERVER and NFS_PATH"))
	}
	for i, s := range c.Shares {
		problems = append(problems, validateShare(s, c.Shares[:i]))
	}
	if c.OperationTimeout <= 0 {
		problems = append(problems, fmt.Errorf("--operation-timeout is %v; it must be more than 0", c.OperationTimeout))
	}
	return errors.Join(problems...)
}

func validateShare(s share.Location, before []share.Location) error {
	var problems []error
	wrong := func(format string, args ...any) {
		problems = append(problems, fmt.Errorf("share %q: "+format, append([]any{s.Name}, args...)...))
	}
	if !shareName.MatchString(s.Name) {
		wrong("the name must be lower-case letters, digits, dashes and dots")
	}
	if s.Server == "" || strings.ContainsAny(s.Server, "[]/ \t") {
		wrong("server is %q; it must be a host name or an address, IPv6 without brackets", s.Server)
	}
	if !path.IsAbs(s.Path) || path.Clean(s.Path) != s.Path {
		wrong("path is %q; it must be the export's absolute path, without .. and without a slash at the end", s.Path)
	}
	if s.UsageInterval < 0 {
		wrong("usageInterval is %v; it must be more than 0", s.UsageInterval)
	}
	if !path.IsAbs(s.Mount) {
		wrong("mount is %q; it must be the absolute path where the export is mounted here", s.Mount)
	}
	for _, other := range before {
		switch {
		case other.Name == s.Name:
			wrong("the name is given twice")
		case other.Server == s.Server && nested(other.Path, s.Path):
			wrong("%s:%s is the same as %s of share %q, or inside or around it; a directory would have two owners", s.Server, s.Path, other.Path, other.Name)
		case nested(other.Mount, s.Mount):
			wrong("mount %s is the same as %s of share %q, or inside or around it", s.Mount, other.Mount, other.Name)
		}
	}
	return errors.Join(problems...)
}

// nested says whether two absolute paths are the same or one contains the other.
func nested(a, b string) bool {
	a, b = path.Clean(a)+"/", path.Clean(b)+"/"
	if a == "//" || b == "//" {
		return true
	}
	return strings.HasPrefix(a, b) || strings.HasPrefix(b, a)
}
