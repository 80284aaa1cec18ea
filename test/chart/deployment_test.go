package chart

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

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
		"--drain-timeout=20s",
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

// TestSpread: a constraint is about the replicas unless it says about whom.
func TestSpread(t *testing.T) {
	d := render(t, release{values: []string{minimal, `
topologySpreadConstraints:
- {maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway}
- {maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {a: b}}}
`}}).one(t, "Deployment")
	constraints := d.list("spec", "template", "spec", "topologySpreadConstraints")
	if len(constraints) != 2 {
		t.Fatalf("there are %d constraints, want 2", len(constraints))
	}
	for i, want := range []any{d.at("spec", "selector", "matchLabels"), map[string]any{"a": "b"}} {
		if got := object(constraints[i].(map[string]any)).at("labelSelector", "matchLabels"); !reflect.DeepEqual(got, want) {
			t.Errorf("constraint %d is about %v, want %v", i, got, want)
		}
	}
}

// TestDisruptionBudget: one replica may go at a time; where there is but one, nothing keeps it.
func TestDisruptionBudget(t *testing.T) {
	for values, want := range map[string]map[string]any{
		"{}":                                     {"maxUnavailable": 1.0},
		"podDisruptionBudget: {minAvailable: 1}": {"minAvailable": 1.0},
		"podDisruptionBudget: {maxUnavailable: 50%}": {"maxUnavailable": "50%"},
		"replicaCount: 1":                       nil,
		"podDisruptionBudget: {enabled: false}": nil,
	} {
		all := render(t, release{values: []string{minimal, values}})
		if want == nil {
			if n := len(all.ofKind("PodDisruptionBudget")); n != 0 {
				t.Errorf("%s gives %d budgets, want none", values, n)
			}
			continue
		}
		spec := all.one(t, "PodDisruptionBudget").at("spec").(map[string]any)
		want["unhealthyPodEvictionPolicy"] = "AlwaysAllow"
		want["selector"] = all.one(t, "Deployment").at("spec", "selector")
		if !reflect.DeepEqual(spec, want) {
			t.Errorf("%s gives the budget\n%v\nwant\n%v", values, spec, want)
		}
	}
}

// TestTimeToEnd: the program ends its work before Kubernetes ends it.
func TestTimeToEnd(t *testing.T) {
	d := render(t, release{values: []string{minimal, "terminationGracePeriodSeconds: 90"}}).one(t, "Deployment")
	wantArgs(t, d, "--drain-timeout=80s")
	if got := d.at("spec", "template", "spec", "terminationGracePeriodSeconds"); got != 90.0 {
		t.Errorf("terminationGracePeriodSeconds is %v, want 90", got)
	}
}

// TestRollout passes on what the values say of it.
func TestRollout(t *testing.T) {
	d := render(t, release{values: []string{minimal, `
revisionHistoryLimit: 0
updateStrategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 0, maxUnavailable: 1}}
livenessProbe: {periodSeconds: 20}
readinessProbe: {successThreshold: 2}
`}}).one(t, "Deployment")
	if got := d.at("spec", "revisionHistoryLimit"); got != 0.0 {
		t.Errorf("revisionHistoryLimit is %v, want 0", got)
	}
	want := map[string]any{"type": "RollingUpdate", "rollingUpdate": map[string]any{"maxSurge": 0.0, "maxUnavailable": 1.0}}
	if got := d.at("spec", "strategy"); !reflect.DeepEqual(got, any(want)) {
		t.Errorf("the strategy is %v, want %v", got, want)
	}
	c := d.container(t)
	if c.at("livenessProbe", "periodSeconds") != 20.0 || c.at("livenessProbe", "timeoutSeconds") != 5.0 || c.at("readinessProbe", "successThreshold") != 2.0 {
		t.Errorf("the probes are %v and %v", c.at("livenessProbe"), c.at("readinessProbe"))
	}
}

// TestExtraVolumes come after those of the shares.
func TestExtraVolumes(t *testing.T) {
	d := render(t, release{values: []string{minimal, `
extraVolumes: [{name: more, emptyDir: {}}]
extraVolumeMounts: [{name: more, mountPath: /more, readOnly: true}]
`}}).one(t, "Deployment")
	volumes, mounts := d.list("spec", "template", "spec", "volumes"), d.container(t).list("volumeMounts")
	if len(volumes) != 2 || !reflect.DeepEqual(volumes[1], any(map[string]any{"name": "more", "emptyDir": map[string]any{}})) {
		t.Errorf("the volumes are %v", volumes)
	}
	if len(mounts) != 2 || !reflect.DeepEqual(mounts[1], any(map[string]any{"name": "more", "mountPath": "/more", "readOnly": true})) {
		t.Errorf("the mounts are %v", mounts)
	}
}

// TestResources: of what is set alone, the default of the other half gives way; the API server refuses a request above
// its limit, and by then an older release may be gone.
func TestResources(t *testing.T) {
	halves := func(requests, limits map[string]any) map[string]any {
		return map[string]any{"requests": requests, "limits": limits}
	}
	own := map[string]any{"cpu": "20m", "memory": "64Mi"}
	for name, c := range map[string]struct {
		values string
		want   map[string]any
	}{
		"nothing":              {"{}", halves(own, map[string]any{"memory": "512Mi"})},
		"a request above":      {"{requests: {memory: 1Gi}}", halves(map[string]any{"cpu": "20m", "memory": "1Gi"}, map[string]any{})},
		"a request at":         {"{requests: {memory: 0.5Gi}}", halves(map[string]any{"cpu": "20m", "memory": "0.5Gi"}, map[string]any{"memory": "512Mi"})},
		"a limit below":        {"{limits: {memory: 48Mi}}", halves(map[string]any{"cpu": "20m", "memory": "48Mi"}, map[string]any{"memory": "48Mi"})},
		"a limit in bytes":     {"{limits: {memory: 50000000}}", halves(map[string]any{"cpu": "20m", "memory": float64(50000000)}, map[string]any{"memory": float64(50000000)})},
		"a limit of processor": {"{limits: {cpu: 0.01}}", halves(map[string]any{"cpu": 0.01, "memory": "64Mi"}, map[string]any{"cpu": 0.01, "memory": "512Mi"})},
		"no limits":            {"{limits: null}", map[string]any{"requests": own}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := render(t, release{values: []string{minimal, "resources: " + c.values}}).one(t, "Deployment").container(t).at("resources")
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("the resources are %v, want %v", got, c.want)
			}
		})
	}
}
