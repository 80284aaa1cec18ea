package main

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nfs-provisioner/nfs-provisioner/internal/controller"
	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

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

// enough is what has to be said at the least.
var enough = []string{"--provisioner-name", "example.com/nfs", "--share", "name=a,server=nas,path=/export,mount=/mnt", "--leader-election-namespace", "default"}

func with(more ...string) []string { return append(slices.Clone(enough), more...) }

func TestFlagsHaveTheirDocumentedDefaults(t *testing.T) {
	o, err := parse(enough, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := controller.Config{
		Version: version, Provisioner: "example.com/nfs",
		Shares:           []share.Location{{Name: "a", Server: "nas", Path: "/export", Mount: "/mnt"}},
		OperationTimeout: 30 * time.Second, InventoryInterval: 10 * time.Minute, Workers: 16, QPS: -1, ListenAddress: ":8080",
		LeaderElect: true, LeaseNamespace: "default", LeaseName: "example.com-nfs",
		LeaseDuration: o.config.LeaseDuration, RenewDeadline: o.config.RenewDeadline, RetryPeriod: o.config.RetryPeriod,
		DrainTimeout: o.config.DrainTimeout,
	}
	if !reflect.DeepEqual(o.config, want) {
		t.Errorf("got %+v, want %+v", o.config, want)
	}
}

func TestEveryFlagSetsWhatItSays(t *testing.T) {
	for name, c := range map[string]struct {
		arguments []string
		said      func(controller.Config) bool
	}{
		"names to adopt, once":  {[]string{"--additional-provisioner-names=a/b,c/d"}, func(c controller.Config) bool { return slices.Equal(c.Additional, []string{"a/b", "c/d"}) }},
		"names to adopt, often": {[]string{"--additional-provisioner-names=a/b", "--additional-provisioner-names=c/d"}, func(c controller.Config) bool { return slices.Equal(c.Additional, []string{"a/b", "c/d"}) }},
		"a second share": {[]string{"--share=name=b,server=n,path=/b,mount=/b"}, func(c controller.Config) bool {
			return len(c.Shares) == 2 && c.Shares[0].Name == "a" && c.Shares[1].Name == "b"
		}},
		"inventory interval": {[]string{"--inventory-interval=1m"}, func(c controller.Config) bool { return c.InventoryInterval == time.Minute }},
		"retention dry run":  {[]string{"--archive-retention-dry-run"}, func(c controller.Config) bool { return c.ArchiveRetentionDryRun }},
		"operation timeout":  {[]string{"--operation-timeout=5s"}, func(c controller.Config) bool { return c.OperationTimeout == 5*time.Second }},
		"workers":            {[]string{"--workers=3"}, func(c controller.Config) bool { return c.Workers == 3 }},
		"requests a second":  {[]string{"--kube-api-qps=50", "--kube-api-burst=100"}, func(c controller.Config) bool { return c.QPS == 50 && c.Burst == 100 }},
		"kubeconfig":         {[]string{"--kubeconfig=/x"}, func(c controller.Config) bool { return c.Kubeconfig == "/x" }},
		"no leader election": {[]string{"--leader-elect=false"}, func(c controller.Config) bool { return !c.LeaderElect }},
		"lease":              {[]string{"--leader-election-lease-name=l"}, func(c controller.Config) bool { return c.LeaseName == "l" && c.LeaseNamespace == "default" }},
		"no health":          {[]string{"--listen-address="}, func(c controller.Config) bool { return c.ListenAddress == "" }},
		"time to drain":      {[]string{"--drain-timeout=1m"}, func(c controller.Config) bool { return c.DrainTimeout == time.Minute }},
		"name with upper case": {[]string{"--provisioner-name=Example.com/NFS"}, func(c controller.Config) bool {
			return c.Provisioner == "Example.com/NFS" && c.LeaseName == "example.com-nfs"
		}},
		"periods of the election": {[]string{"--leader-election-lease-duration=1m", "--leader-election-renew-deadline=40s", "--leader-election-retry-period=3s"}, func(c controller.Config) bool {
			return c.LeaseDuration == time.Minute && c.RenewDeadline == 40*time.Second && c.RetryPeriod == 3*time.Second
		}},
	} {
		t.Run(name, func(t *testing.T) {
			if o, err := parse(with(c.arguments...), nil); err != nil || !c.said(o.config) {
				t.Errorf("got %+v, %v", o.config, err)
			}
		})
	}
}

func TestTheEnvironmentIsReadWhereNoFlagIsGiven(t *testing.T) {
	environment := []string{
		"PROVISIONER_NAME=fuseim.pri/ifs", "NFS_SERVER=old", "NFS_PATH=/old",
		"ENABLE_LEADER_ELECTION=false", "KUBECONFIG=/env", "POD_NAMESPACE=pods", "UNRELATED=x", "NONSENSE",
	}
	o, err := parse(nil, environment)
	if err != nil {
		t.Fatal(err)
	}
	legacy := share.Location{Name: "default", Server: "old", Path: "/old", Mount: "/persistentvolumes"}
	if c := o.config; c.Provisioner != "fuseim.pri/ifs" || c.LeaderElect || c.Kubeconfig != "/env" || c.LeaseNamespace != "pods" || !slices.Equal(c.Shares, []share.Location{legacy}) {
		t.Errorf("got %+v", c)
	}
	o, err = parse(with("--leader-elect", "--kubeconfig=/flag"), environment)
	if err != nil {
		t.Fatal(err)
	}
	if c := o.config; c.Provisioner != "example.com/nfs" || !c.LeaderElect || c.Kubeconfig != "/flag" || c.LeaseNamespace != "default" || len(c.Shares) != 1 || c.Shares[0].Name != "a" {
		t.Errorf("the flags do not win: %+v", c)
	}
	if o, err = parse(with("--leader-elect=true"), []string{"ENABLE_LEADER_ELECTION="}); err != nil || !o.config.LeaderElect {
		t.Errorf("an empty variable: %+v, %v", o.config, err)
	}
}

func TestEveryMistakeIsOneSentenceThatNamesIt(t *testing.T) {
	for name, c := range map[string]struct {
		arguments, environment []string
		words                  []string
	}{
		"unknown flag":         {with("--sahre=x"), nil, []string{"--sahre"}},
		"an argument":          {with("extra"), nil, []string{`"extra" is not a flag`}},
		"not a number":         {with("--workers=many"), nil, []string{"--workers", `"many"`}},
		"not a duration":       {with("--operation-timeout=30"), nil, []string{"--operation-timeout", `"30"`}},
		"no value":             {[]string{"--provisioner-name"}, nil, []string{"--provisioner-name"}},
		"bad share":            {with("--share=name=b"), nil, []string{"--share", `"server" is missing`, shareForm}},
		"bad variable":         {enough, []string{"ENABLE_LEADER_ELECTION=perhaps"}, []string{"environment variable ENABLE_LEADER_ELECTION", `"perhaps"`}},
		"half of a share":      {enough[:2], []string{"NFS_SERVER=nas", "POD_NAMESPACE=a"}, []string{"NFS_SERVER is set", "NFS_PATH is not"}},
		"no provisioner name":  {enough[2:], nil, []string{"--provisioner-name", "PROVISIONER_NAME"}},
		"no share":             {slices.Concat(enough[:2], enough[4:]), nil, []string{"there is no share", "--share", "NFS_SERVER"}},
		"a value out of range": {with("--workers=0"), nil, []string{"--workers is 0"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parse(c.arguments, c.environment)
			expectWords(t, err, c.words...)
			if err != nil && (strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "%!")) {
				t.Errorf("want one sentence: %q", err)
			}
		})
	}
}

func TestSeveralMistakesAreReportedAtOnce(t *testing.T) {
	_, err := parse(with("extra"), []string{"ENABLE_LEADER_ELECTION=perhaps"})
	expectWords(t, err, `"extra"`, "ENABLE_LEADER_ELECTION")
}
