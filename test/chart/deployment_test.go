package chart

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestSecurity holds the pods to what the Pod Security Standard "baseline" permits, and to less than that.
func TestSecurity(t *testing.T) {
	for file, values := range ciValues(t) {
		d := render(t, release{values: []string{values}}).one(t, "Deployment")
		pod := object(d.at("spec", "template", "spec").(map[string]any))
		want := map[string]any{"runAsUser": float64(0), "runAsGroup": float64(0),
			"seccompProfile": map[string]any{"type": "RuntimeDefault"}}
		if got := pod.at("securityContext"); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: the pod's security context is %v, want %v", file, got, want)
		}
		want = map[string]any{
			"allowPrivilegeEscalation": false,
			"readOnlyRootFilesystem":   true,
			"capabilities":             map[string]any{"drop": []any{"ALL"}, "add": []any{"CHOWN", "DAC_OVERRIDE", "FOWNER"}},
		}
		if got := d.container(t).at("securityContext"); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: the container's security context is %v, want %v", file, got, want)
		}
		for _, key := range []string{"hostNetwork", "hostPID", "hostIPC"} {
			if pod.at(key) != nil {
				t.Errorf("%s: the pod has %s", file, key)
			}
		}
		for _, v := range pod.list("volumes") {
			if v := object(v.(map[string]any)); len(v) != 2 || v.at("persistentVolumeClaim") == nil {
				t.Errorf("%s: the volume %v is not a claim", file, v)
			}
		}
		if pod.at("automountServiceAccountToken") != true {
			t.Errorf("%s: the pod does not get its token", file)
		}
	}
}

func TestProbes(t *testing.T) {
	c := render(t, release{values: []string{minimal}}).one(t, "Deployment").container(t)
	for probe, path := range map[string]string{"livenessProbe": "/healthz", "readinessProbe": "/readyz"} {
		if got := c.str(probe, "httpGet", "path"); got != path {
			t.Errorf("the %s asks for %q, want %q", probe, got, path)
		}
		if got := c.str(probe, "httpGet", "port"); got != "http" {
			t.Errorf("the %s asks the port %q, want http", probe, got)
		}
	}
	port := object(c.list("ports")[0].(map[string]any))
	if port.str("name") != "http" || port.at("containerPort") != float64(8080) {
		t.Errorf("the port is %v", port)
	}
}

// TestStrategy: with a lease the new pod may come before the old one goes; without, it must not.
func TestStrategy(t *testing.T) {
	d := render(t, release{values: []string{minimal}}).one(t, "Deployment")
	if got := d.str("spec", "strategy", "type"); got != "RollingUpdate" {
		t.Errorf("with a lease the strategy is %q, want RollingUpdate", got)
	}
	if got := d.at("spec", "replicas"); got != float64(2) {
		t.Errorf("there are %v replicas, want 2", got)
	}
	if got := d.at("spec", "template", "spec", "terminationGracePeriodSeconds"); got != float64(30) {
		t.Errorf("terminationGracePeriodSeconds is %v, want 30", got)
	}
	all := render(t, release{values: []string{minimal, "replicaCount: 1\nleaderElection: {enabled: false}"}})
	d = all.one(t, "Deployment")
	if got := d.str("spec", "strategy", "type"); got != "Recreate" {
		t.Errorf("without a lease the strategy is %q, want Recreate", got)
	}
	wantArgs(t, d, "--leader-elect=false")
	if n := len(all.ofKind("Role")); n != 0 {
		t.Errorf("without a lease there are %d roles for it", n)
	}
}

// TestArgs: every argument stands once, and one that the values do not give is left to the program.
func TestArgs(t *testing.T) {
	d := render(t, release{values: []string{minimal}}).one(t, "Deployment")
	want := []string{
		"--provisioner-name=cluster.local/rel-nfs-provisioner",
		"--leader-elect=true",
		"--leader-election-namespace=storage",
		"--leader-election-lease-name=cluster.local-rel-nfs-provisioner",
		"--listen-address=:8080",
		"-v=2",
	}
	if got := d.args(t); !slices.Equal(got, want) {
		t.Errorf("the arguments are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	d = render(t, release{values: []string{minimal, `
additionalProvisionerNames: [cluster.local/older, example.com/oldest]
workers: 16
operationTimeout: 1m30s
inventoryInterval: 5m
archiveRetentionDryRun: true
logLevel: 0
pprofAddress: localhost:6060
extraArgs: [--kube-api-qps=100]
`}}).one(t, "Deployment")
	wantArgs(t, d, "--additional-provisioner-names=cluster.local/older,example.com/oldest",
		"--workers=16", "--operation-timeout=1m30s", "--inventory-interval=5m", "--archive-retention-dry-run", "-v=0", "--pprof-address=localhost:6060", "--kube-api-qps=100")
}

func TestImage(t *testing.T) {
	digest := "sha256:" + strings.Repeat("ab", 32)
	for values, want := range map[string]string{
		"{}":                       "nfs-provisioner:0.1.0",
		"image: {tag: edge}":       "nfs-provisioner:edge",
		"image: {repository: r/n}": "r/n:0.1.0",
		"image: {tag: edge, digest: '" + digest + "'}": "nfs-provisioner@" + digest,
	} {
		c := render(t, release{values: []string{minimal, values}}).one(t, "Deployment").container(t)
		if got := c.str("image"); got != want {
			t.Errorf("%s gives the image %q, want %q", values, got, want)
		}
	}
}

// TestScheduling: replicas keep apart unless the values say something else.
func TestScheduling(t *testing.T) {
	d := render(t, release{values: []string{minimal}}).one(t, "Deployment")
	terms := d.list("spec", "template", "spec", "affinity", "podAntiAffinity", "preferredDuringSchedulingIgnoredDuringExecution")
	if len(terms) != 1 {
		t.Fatalf("the default affinity is %v", d.at("spec", "template", "spec", "affinity"))
	}
	term := object(terms[0].(map[string]any))
	if got := term.str("podAffinityTerm", "topologyKey"); got != "kubernetes.io/hostname" {
		t.Errorf("replicas keep apart by %q, want kubernetes.io/hostname", got)
	}
	if got, want := term.at("podAffinityTerm", "labelSelector", "matchLabels"), d.at("spec", "selector", "matchLabels"); !reflect.DeepEqual(got, want) {
		t.Errorf("replicas keep apart from %v, want %v", got, want)
	}
	d = render(t, release{values: []string{minimal, "affinity: {podAffinity: {a: b}}"}}).one(t, "Deployment")
	if got, want := d.at("spec", "template", "spec", "affinity"), (map[string]any{"podAffinity": map[string]any{"a": "b"}}); !reflect.DeepEqual(got, want) {
		t.Errorf("the affinity is %v, want %v", got, want)
	}
}
