package controller

import (
	"strings"
	"testing"
	"time"

	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

// valid is a configuration without a mistake.
func valid() Config {
	return Config{
		Provisioner:      "cluster.local/nfs",
		Shares:           []share.Location{{Name: "first", Server: "nas", Path: "/export", Mount: "/mnt/first"}},
		OperationTimeout: 30 * time.Second, InventoryInterval: time.Minute,
		Workers:     4,
		QPS:         -1,
		LeaderElect: true, LeaseNamespace: "default", LeaseName: "cluster.local-nfs",
		LeaseDuration: 15 * time.Second, RenewDeadline: 10 * time.Second, RetryPeriod: 2 * time.Second,
		DrainTimeout: 20 * time.Second,
	}
}

func TestValidateTakesWhatMakesSense(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"as it is":           func(*Config) {},
		"no leader election": func(c *Config) { c.LeaderElect, c.LeaseNamespace, c.LeaseDuration = false, "", 0 },
		"names to adopt":     func(c *Config) { c.Additional = []string{"fuseim.pri/ifs", "k8s-sigs.io/nfs-subdir"} },
		"name in upper case": func(c *Config) { c.Provisioner = "Example.com/NFS" },
		"a whole server":     func(c *Config) { c.Shares[0].Path = "/" },
		"IPv6":               func(c *Config) { c.Shares[0].Server = "fd00::1" },
		"two shares": func(c *Config) {
			c.Shares = append(c.Shares, share.Location{Name: "b.2-x", Server: "nas", Path: "/export2", Mount: "/mnt/b"})
		},
		"one export, two nas": func(c *Config) {
			c.Shares = append(c.Shares, share.Location{Name: "b", Server: "nas2", Path: "/export", Mount: "/mnt/b"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := valid()
			change(&c)
			if err := c.Validate(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestValidateSaysOneSentenceForEachMistake(t *testing.T) {
	another := func(l share.Location) func(*Config) { return func(c *Config) { c.Shares = append(c.Shares, l) } }
	for name, c := range map[string]struct {
		change func(*Config)
		words  []string
	}{
		"no name":               {func(c *Config) { c.Provisioner = "" }, []string{"--provisioner-name", "PROVISIONER_NAME"}},
		"bad name":              {func(c *Config) { c.Provisioner = "a/b/c" }, []string{`"a/b/c"`}},
		"bad name to adopt":     {func(c *Config) { c.Additional = []string{"a b"} }, []string{`"a b"`}},
		"empty name to adopt":   {func(c *Config) { c.Additional = []string{""} }, []string{"empty"}},
		"own name to adopt":     {func(c *Config) { c.Additional = []string{c.Provisioner} }, []string{"--additional-provisioner-names", "cluster.local/nfs"}},
		"no share":              {func(c *Config) { c.Shares = nil }, []string{"--share name=NAME", "NFS_SERVER", "NFS_PATH"}},
		"share name":            {func(c *Config) { c.Shares[0].Name = "First" }, []string{`share "First"`, "lower-case"}},
		"share name, dash":      {func(c *Config) { c.Shares[0].Name = "-a" }, []string{`share "-a"`, "lower-case"}},
		"no server":             {func(c *Config) { c.Shares[0].Server = "" }, []string{`share "first"`, "server"}},
		"brackets":              {func(c *Config) { c.Shares[0].Server = "[fd00::1]" }, []string{"server", "[fd00::1]", "without brackets"}},
		"server with path":      {func(c *Config) { c.Shares[0].Server = "nas/export" }, []string{"server", "nas/export"}},
		"relative path":         {func(c *Config) { c.Shares[0].Path = "export" }, []string{"path", `"export"`, "absolute"}},
		"path with a slash":     {func(c *Config) { c.Shares[0].Path = "/export/" }, []string{"path", `"/export/"`, "slash"}},
		"path with dots":        {func(c *Config) { c.Shares[0].Path = "/export/../x" }, []string{"path", ".."}},
		"relative mount":        {func(c *Config) { c.Shares[0].Mount = "mnt" }, []string{"mount", `"mnt"`, "absolute"}},
		"one name twice":        {another(share.Location{Name: "first", Server: "b", Path: "/b", Mount: "/b"}), []string{`share "first"`, "twice"}},
		"one export twice":      {another(share.Location{Name: "b", Server: "nas", Path: "/export", Mount: "/b"}), []string{`share "b"`, "nas:/export", `"first"`}},
		"one mount twice":       {another(share.Location{Name: "b", Server: "b", Path: "/b", Mount: "/mnt/first"}), []string{`share "b"`, "/mnt/first", `"first"`}},
		"no inventory interval": {func(c *Config) { c.InventoryInterval = -1 }, []string{"--inventory-interval", "-1ns", "more than 0"}},
		"no operation timeout":  {func(c *Config) { c.OperationTimeout = 0 }, []string{"--operation-timeout", "0s", "more than 0"}},
		"negative drain":        {func(c *Config) { c.DrainTimeout = -time.Second }, []string{"--drain-timeout", "-1s"}},
		"no retry period":       {func(c *Config) { c.RetryPeriod = 0 }, []string{"--leader-election-retry-period", "0s"}},
		"no workers":            {func(c *Config) { c.Workers = 0 }, []string{"--workers", "0", "at least 1"}},
		"lease under deadline":  {func(c *Config) { c.LeaseDuration = c.RenewDeadline }, []string{"--leader-election-lease-duration", "10s"}},
		"deadline under period": {func(c *Config) { c.RetryPeriod = 5 * time.Second }, []string{"--leader-election-renew-deadline", "--leader-election-retry-period", "5s"}},
		"no lease namespace":    {func(c *Config) { c.LeaseNamespace = "" }, []string{"--leader-election-namespace", "POD_NAMESPACE"}},
	} {
		t.Run(name, func(t *testing.T) {
			config := valid()
			c.change(&config)
			err := config.Validate()
			expectWords(t, err, c.words...)
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("one mistake, more than one line:\n%v", err)
			}
		})
	}
}

func TestValidateReportsEverythingAtOnce(t *testing.T) {
	c := valid()
	c.Provisioner, c.Workers, c.Shares[0].Path, c.Shares[0].Server = "", 0, "x", ""
	err := c.Validate()
	expectWords(t, err, "--provisioner-name", "--workers", "path", "server")
	if lines := strings.Count(err.Error(), "\n") + 1; lines != 4 {
		t.Errorf("%d lines for 4 mistakes:\n%v", lines, err)
	}
}

func expectWords(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Error("there is no error")
		return
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q does not say %q", err, word)
		}
	}
}

func TestValidateRefusesNestedShares(t *testing.T) {
	for _, other := range []share.Location{
		{Name: "b", Server: "nas", Path: "/export/inner", Mount: "/mnt/b"},
		{Name: "b", Server: "nas", Path: "/", Mount: "/mnt/b"},
		{Name: "b", Server: "nas2", Path: "/b", Mount: "/mnt/first/inner"},
		{Name: "b", Server: "nas2", Path: "/b", Mount: "/mnt/first/"},
	} {
		c := valid()
		c.Shares = append(c.Shares, other)
		expectWords(t, c.Validate(), `share "b"`, `"first"`)
	}
}

func TestValidateRefusesALeaseNameThatCannotBe(t *testing.T) {
	c := valid()
	c.Provisioner, c.LeaseName = "fuseim.pri/ifs_x", "fuseim.pri-ifs_x"
	expectWords(t, c.Validate(), "--leader-election-lease-name", "fuseim.pri-ifs_x")
}

func TestValidateAsksForABurstWithALimit(t *testing.T) {
	c := valid()
	c.QPS, c.Burst = 50, 0
	expectWords(t, c.Validate(), "--kube-api-qps", "--kube-api-burst")
}
