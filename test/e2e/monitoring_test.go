//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// serviceOfRelease is the release's Service, and so the job of its metrics.
const serviceOfRelease = release + "-nfs-provisioner"

// Every query of the dashboard and of the alerts is put to a Prometheus that
// scrapes the replicas, and finds what it asks for.
func TestPrometheusAnswersEveryQueryOfDashboardAndAlerts(t *testing.T) {
	s := newScene(t)
	p := s.startPrometheus(serviceOfRelease, s.rules())
	p.eventuallyIs("sum(up)", len(s.podsOf(underTest)))
	k := class(s.unique("watched"), under.squashed(), map[string]string{"onDelete": "delete"})
	s.makeClass(k)
	for i := range 3 {
		name := fmt.Sprintf("c-%d", i)
		s.makeClaim(claim(name, k.Name))
		s.bound(name)
		s.deleteClaim(name)
	}

	selectors := map[string]bool{}
	for title, query := range s.dashboardQueries() {
		// Where only some of what there is is asked for, there may be nothing.
		if !strings.Contains(query, " > ") {
			p.eventuallyAnswers(title, query)
		}
		addSelectors(selectors, query)
	}
	for _, alert := range p.alerts() {
		if alert.Health != "ok" || alert.LastError != "" {
			t.Errorf("the alert %s is %s: %s", alert.Name, alert.Health, alert.LastError)
		}
		addSelectors(selectors, alert.Query)
	}
	for selector := range selectors {
		p.eventuallyAnswers("a metric", selector)
	}

	p.eventuallyIs("sum(nfs_provisioner_leader)", 1)
	p.eventuallyIs("count(nfs_provisioner_share_up == 1)", len(under.exports))
	p.eventuallyIs("count(nfs_provisioner_share_size_bytes > 0)", len(under.exports))
	p.expectNoLabelWith(s.namespace, "class") // by which classes of tests are called
	for _, figure := range []string{"max(scrape_samples_scraped)", "max(scrape_duration_seconds)"} {
		got, err := p.query(t.Context(), figure)
		t.Logf("%s: %v (%v)", figure, got, err)
	}
}

// A claim that fails, and the share that it asks for more than it has, are seen
// where the alerts look.
func TestPrometheusSeesClaimsThatFailAndWhatIsPromised(t *testing.T) {
	s := newScene(t)
	p := s.startPrometheus(serviceOfRelease, s.rules())
	on := under.plain()
	k := class(s.unique("refused"), on, map[string]string{"pathPattern": "${.PVC.annotations.nowhere}"})
	s.makeClass(k)
	s.makeClaim(claim("refused", k.Name))
	p.eventuallyIs("max(nfs_provisioner_claims_failing) > bool 0", 1)

	huge := class(s.unique("huge"), on, map[string]string{"onDelete": "delete"})
	s.makeClass(huge)
	c := claim("huge", huge.Name)
	c.Spec.Resources.Requests["storage"] = resource.MustParse("1Pi")
	s.makeClaim(c)
	s.bound("huge")
	over := fmt.Sprintf(`nfs_provisioner_share_promised_bytes{share=%q} > bool nfs_provisioner_share_size_bytes`, on.share)
	p.eventuallyIs(over, 1)
	p.eventuallyAnswers("the alert waits to fire", `ALERTS{alertname="NFSProvisionerClaimsFailing"}`)
	p.eventuallyAnswers("the alert waits to fire", `ALERTS{alertname="NFSProvisionerSharePromisedOverSize"}`)

	s.deleteClaim("huge")
	p.eventuallyIs(over, 0)
	if err := under.client.CoreV1().PersistentVolumeClaims(s.namespace).Delete(t.Context(), "refused", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	p.eventuallyIs("max(nfs_provisioner_claims_failing)", 0)
}

// rules are the alerts of the release, in the form that Prometheus reads.
func (s *scene) rules() string {
	s.Helper()
	values, err := under.values()
	if err != nil {
		s.Fatal(err)
	}
	text, err := command(s.Context(), "helm", "template", release, under.chart, "--namespace", home, "--values", values,
		"--set", "metrics.prometheusRule.enabled=true", "--show-only", "templates/prometheusrule.yaml")
	if err != nil {
		s.Fatal(err)
	}
	var object struct {
		Spec map[string]any `json:"spec"`
	}
	if err := yaml.Unmarshal([]byte(text), &object); err != nil {
		s.Fatal(err)
	}
	rules, err := yaml.Marshal(object.Spec)
	if err != nil {
		s.Fatal(err)
	}
	return string(rules)
}

// dashboardQueries are the queries of the dashboard that is in the cluster, by
// the panel, as Grafana sends them.
func (s *scene) dashboardQueries() map[string]string {
	s.Helper()
	found, err := under.client.CoreV1().ConfigMaps(home).List(s.Context(), metav1.ListOptions{LabelSelector: "grafana_dashboard=1"})
	if err != nil || len(found.Items) != 1 {
		s.Fatalf("there are %d dashboards (%v)", len(found.Items), err)
	}
	variables := strings.NewReplacer("$__rate_interval", "1m", "$namespace", home, "$job", serviceOfRelease, "$share", ".*")
	queries := map[string]string{}
	for _, text := range found.Items[0].Data {
		var dashboard struct {
			Panels []struct {
				Title   string
				Targets []struct{ Expr, RefID string }
			}
		}
		if err := json.Unmarshal([]byte(text), &dashboard); err != nil {
			s.Fatal(err)
		}
		for _, panel := range dashboard.Panels {
			for _, target := range panel.Targets {
				queries[panel.Title+" "+target.RefID] = variables.Replace(target.Expr)
			}
		}
	}
	if len(queries) == 0 {
		s.Fatal("the dashboard asks nothing")
	}
	return queries
}

var selector = regexp.MustCompile(`[a-z_]+\{[^}]*\}`)

func addSelectors(to map[string]bool, query string) {
	for _, one := range selector.FindAllString(query, -1) {
		to[one] = true
	}
}

func (p prometheus) eventuallyAnswers(what, query string) {
	p.Helper()
	p.eventually(what+": "+query+" has an answer", func(ctx context.Context) (bool, string, error) {
		got, err := p.query(ctx, query)
		return len(got) > 0, "nothing", err
	})
}

// alert is an alert as Prometheus tells it.
type alert struct {
	Name, Query, Health, LastError string
}

// alerts waits until all alerts have been evaluated and returns them.
func (p prometheus) alerts() (all []alert) {
	p.Helper()
	p.eventually("alerts evaluated", func(ctx context.Context) (bool, string, error) {
		var data struct{ Groups []struct{ Rules []alert } }
		err := p.get(ctx, "rules", url.Values{}, &data)
		all = nil
		evaluated := true
		for _, g := range data.Groups {
			for _, a := range g.Rules {
				all = append(all, a)
				evaluated = evaluated && a.Health != "unknown"
			}
		}
		return len(all) > 0 && evaluated, fmt.Sprint(all), err
	})
	return all
}

// expectNoLabelWith looks at the values of all labels but one.
func (p prometheus) expectNoLabelWith(text, except string) {
	p.Helper()
	var labels []string
	if err := p.get(p.Context(), "labels", url.Values{}, &labels); err != nil {
		p.Fatal(err)
	}
	for _, label := range labels {
		var values []string
		if err := p.get(p.Context(), "label/"+label+"/values", url.Values{}, &values); err != nil {
			p.Fatal(err)
		}
		for _, v := range values {
			if label != except && strings.Contains(v, text) {
				p.Errorf("the label %s has the value %q", label, v)
			}
		}
	}
}
