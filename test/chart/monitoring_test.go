package chart

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// monitored is a release with everything there is to watch it by.
const monitored = `
metrics: {serviceMonitor: {enabled: true}, prometheusRule: {enabled: true}, dashboard: {enabled: true}}
`

// TestUnmonitored: nothing that needs the Prometheus Operator comes unless it is asked for.
func TestUnmonitored(t *testing.T) {
	all := render(t, release{values: []string{minimal}})
	for _, kind := range []string{"ServiceMonitor", "PrometheusRule", "ConfigMap"} {
		if n := len(all.ofKind(kind)); n != 0 {
			t.Errorf("there are %d objects of the kind %s", n, kind)
		}
	}
	all = render(t, release{values: []string{minimal, "metrics: {service: {enabled: false}}"}})
	if n := len(all.ofKind("Service")); n != 0 {
		t.Errorf("there are %d Services", n)
	}
}

// TestServiceMonitor follows the way from the ServiceMonitor through the Service to the pods' port.
func TestServiceMonitor(t *testing.T) {
	all := render(t, release{values: []string{minimal, monitored, "metrics: {serviceMonitor: {namespace: monitoring}}"}})
	monitor, service, deployment := all.one(t, "ServiceMonitor"), all.one(t, "Service"), all.one(t, "Deployment")

	if got := monitor.str("metadata", "namespace"); got != "monitoring" {
		t.Errorf("the ServiceMonitor is in the namespace %q", got)
	}
	if got := monitor.list("spec", "namespaceSelector", "matchNames"); !reflect.DeepEqual(got, []any{"storage"}) {
		t.Errorf("it looks for Services in the namespaces %v", got)
	}
	for k, v := range monitor.at("spec", "selector", "matchLabels").(map[string]any) {
		if got := service.at("metadata", "labels", k); got != v {
			t.Errorf("it looks for Services with %s=%v, ours has %v", k, v, got)
		}
	}
	endpoint := object(monitor.list("spec", "endpoints")[0].(map[string]any))
	port := object(service.list("spec", "ports")[0].(map[string]any))
	containerPort := object(deployment.container(t).list("ports")[0].(map[string]any))
	if endpoint.str("port") != port.str("name") || port.str("targetPort") != containerPort.str("name") || endpoint.str("path") != "/metrics" {
		t.Errorf("the endpoint %v is not the port %v, or that not the container's %v", endpoint, port, containerPort)
	}
	if got, want := service.at("spec", "selector"), deployment.at("spec", "selector", "matchLabels"); !reflect.DeepEqual(got, want) {
		t.Errorf("the Service selects %v, the pods have %v", got, want)
	}
}

// TestMonitoringValues: what the values say of labels and the like gets where it belongs, and never over our own.
func TestMonitoringValues(t *testing.T) {
	all := render(t, release{values: []string{minimal, ciValues(t)["full-values.yaml"]}})
	for _, c := range []struct {
		kind string
		path []string
		want any
	}{
		{"Service", []string{"metadata", "labels", "team"}, "storage"},
		{"Service", []string{"metadata", "annotations", "prometheus.io/scrape"}, "true"},
		{"ServiceMonitor", []string{"metadata", "labels", "release"}, "prometheus"},
		{"PrometheusRule", []string{"metadata", "labels", "release"}, "prometheus"},
		{"PrometheusRule", []string{"metadata", "namespace"}, "monitoring"},
		{"ConfigMap", []string{"metadata", "labels", "grafana_dashboard"}, "yes"},
		{"ConfigMap", []string{"metadata", "annotations", "grafana_folder"}, "Storage"},
		{"ConfigMap", []string{"metadata", "namespace"}, "monitoring"},
	} {
		if got := all.one(t, c.kind).at(c.path...); got != c.want {
			t.Errorf("%s: %v is %v, want %v", c.kind, c.path, got, c.want)
		}
	}
	endpoint := all.one(t, "ServiceMonitor").list("spec", "endpoints")[0]
	want := map[string]any{
		"port": "http", "path": "/metrics", "interval": "1m", "scrapeTimeout": "5s",
		"relabelings":       []any{map[string]any{"targetLabel": "cluster", "replacement": "one"}},
		"metricRelabelings": []any{map[string]any{"action": "drop", "sourceLabels": []any{"__name__"}, "regex": "go_.*"}},
	}
	if !reflect.DeepEqual(endpoint, want) {
		t.Errorf("the endpoint is %v, want %v", endpoint, want)
	}
	theirs := "metrics: {service: {labels: {app.kubernetes.io/instance: theirs}}}"
	if got := render(t, release{values: []string{minimal, theirs}}).one(t, "Service").str("metadata", "labels", "app.kubernetes.io/instance"); got != "rel" {
		t.Errorf("the label by which the Service is found is %q", got)
	}
}

// TestServiceName: other names may have dots and begin with a digit, that of a Service may not.
func TestServiceName(t *testing.T) {
	seen := map[string]bool{}
	for _, name := range []string{"nfs", "a.b", "a-b", "1a", strings.Repeat("x", 60) + ".b", strings.Repeat("x", 60) + "-b"} {
		all := render(t, release{values: []string{minimal, monitored, "fullnameOverride: " + name}})
		service := all.one(t, "Service").name()
		if len(service) > 63 || strings.Contains(service, ".") || service[0] < 'a' || service[0] > 'z' || seen[service] {
			t.Errorf("%q has a Service of the name %q", name, service)
		}
		seen[service] = true
		if rules := rulesOf(t, all); !strings.Contains(rules, `job="`+service+`"`) {
			t.Errorf("the alerts do not look for the job %q:\n%s", service, rules)
		}
	}
}

// dashboard is what these tests look at of Grafana's form.
type dashboard struct {
	UID, Title string
	Panels     []struct {
		ID          int
		Title, Type string
		GridPos     struct{ X, Y, W, H int }
		Targets     []struct{ Expr string }
	}
}

func dashboardOf(t *testing.T, all objects) (d dashboard) {
	t.Helper()
	if err := json.Unmarshal([]byte(all.one(t, "ConfigMap").str("data", "nfs-provisioner.json")), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// TestDashboard: what Grafana gets is whole, and no panel hides another.
func TestDashboard(t *testing.T) {
	d := dashboardOf(t, render(t, release{values: []string{minimal, monitored}}))
	const longest = 40
	if d.UID == "" || len(d.UID) > longest || d.Title == "" || len(d.Panels) == 0 {
		t.Errorf("uid %q, title %q, %d panels", d.UID, d.Title, len(d.Panels))
	}
	ids, taken := map[int]bool{}, map[[2]int]string{}
	for _, p := range d.Panels {
		if p.ID == 0 || ids[p.ID] {
			t.Errorf("the id %d of the panel %q is not its own", p.ID, p.Title)
		}
		ids[p.ID] = true
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("the panel %q shows nothing", p.Title)
		}
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other, is := taken[[2]int{x, y}]; is || x >= 24 {
					t.Fatalf("the panel %q covers %q, or leaves the page", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
}

// TestDashboardQueries: Prometheus understands every query, and each is of one release and the chosen shares.
func TestDashboardQueries(t *testing.T) {
	variables := strings.NewReplacer("$__rate_interval", "1m", "$namespace", "storage", "$job", "rel-nfs-provisioner", "$share", ".*")
	var rules []map[string]string
	for _, p := range dashboardOf(t, render(t, release{values: []string{minimal, monitored}})).Panels {
		for _, q := range p.Targets {
			if !strings.Contains(q.Expr, `namespace="$namespace",job="$job"`) ||
				strings.Contains(q.Expr, "by (share)") && !strings.Contains(q.Expr, `share=~"$share"`) {
				t.Errorf("%q is of more than what was chosen: %s", p.Title, q.Expr)
			}
			rules = append(rules, map[string]string{"record": fmt.Sprintf("query:%d", len(rules)), "expr": variables.Replace(q.Expr)})
		}
	}
	text, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "queries", "rules": rules}}})
	if err != nil {
		t.Fatal(err)
	}
	promtool(t, string(text), "check", "rules", "rules.yaml")
}
