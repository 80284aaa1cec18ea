package chart

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// ruleTests are promtool's tests of the alerts, of a release as the other tests here render it.
const ruleTests = "rules/alerts.yaml"

// rulesOf is the PrometheusRule of a release as Prometheus itself reads rules.
func rulesOf(t *testing.T, all objects) string {
	t.Helper()
	text, err := yaml.Marshal(all.one(t, "PrometheusRule").at("spec"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// promtool runs promtool in a folder that has these rules, and the tests of them.
func promtool(t *testing.T, rules string, args ...string) {
	t.Helper()
	tests, err := os.ReadFile(ruleTests)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for name, content := range map[string][]byte{"rules.yaml": []byte(rules), "alerts.yaml": tests} {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("promtool", args...)
	cmd.Dir = folder
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v; Debian's package prometheus has it\n%s", strings.Join(args, " "), err, out)
	}
}

func TestAlerts(t *testing.T) {
	promtool(t, rulesOf(t, render(t, release{values: []string{minimal, monitored}})), "test", "rules", "alerts.yaml")
}

// TestAlertsValid: whatever the values make of them, Prometheus takes them.
func TestAlertsValid(t *testing.T) {
	for _, values := range []string{monitored, ciValues(t)["full-values.yaml"]} {
		promtool(t, rulesOf(t, render(t, release{values: []string{minimal, values}})), "check", "rules", "rules.yaml")
	}
}

// TestAlertsTested: each alert is tested where it fires and where it does not.
func TestAlertsTested(t *testing.T) {
	text, err := os.ReadFile(ruleTests)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Tests []struct {
			AlertRuleTest []struct {
				Alertname string
				ExpAlerts []any `json:"exp_alerts"`
			} `json:"alert_rule_test"`
		}
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	fires, rests := map[string]bool{}, map[string]bool{}
	for _, test := range file.Tests {
		for _, a := range test.AlertRuleTest {
			if len(a.ExpAlerts) > 0 {
				fires[a.Alertname] = true
			} else {
				rests[a.Alertname] = true
			}
		}
	}
	readme, err := os.ReadFile(chartDir + "/README.md")
	if err != nil {
		t.Fatal(err)
	}
	rules := rulesOf(t, render(t, release{values: []string{minimal, monitored}}))
	alerts := regexp.MustCompile(`alert: (\w+)`).FindAllStringSubmatch(rules, -1)
	if len(alerts) == 0 {
		t.Fatal("there are no alerts")
	}
	for _, a := range alerts {
		if name := a[1]; !fires[name] || !rests[name] {
			t.Errorf("%s is tested where it fires: %v; where it does not: %v", name, fires[name], rests[name])
		}
		if !strings.Contains(string(readme), "| `"+a[1]+"` |") {
			t.Errorf("README.md has no line for the alert %s", a[1])
		}
	}
}

// TestAlertsOfOneRelease: every metric in an alert is that of this release, and of no other.
func TestAlertsOfOneRelease(t *testing.T) {
	for values, selector := range map[string]string{
		monitored:                           `namespace="storage",job="rel-nfs-provisioner"}`,
		ciValues(t)["full-values.yaml"]:     `job="storage",cluster="one"}`,
		monitored + "nameOverride: other\n": `namespace="storage",job="rel-other"}`,
	} {
		for _, group := range render(t, release{values: []string{minimal, values}}).one(t, "PrometheusRule").list("spec", "groups") {
			for _, rule := range object(group.(map[string]any)).list("rules") {
				expr := object(rule.(map[string]any)).str("expr")
				metrics, selected := strings.Count(expr, "nfs_provisioner_"), strings.Count(expr, selector)
				if metrics == 0 || metrics != selected {
					t.Errorf("%d metrics, %d of them of this release: %s", metrics, selected, expr)
				}
			}
		}
	}
}

// TestThresholds: what the values set is what the alerts compare with.
func TestThresholds(t *testing.T) {
	rules := rulesOf(t, render(t, release{values: []string{minimal, ciValues(t)["full-values.yaml"]}}))
	for _, want := range []string{"> 0.8", "> 2.5", "> 10", "team: storage", "severity: critical"} {
		if !strings.Contains(rules, want) {
			t.Errorf("%q is not in the alerts:\n%s", want, rules)
		}
	}
	page := render(t, release{values: []string{minimal, monitored, "metrics: {prometheusRule: {alertLabels: {severity: page}}}"}})
	if rules := rulesOf(t, page); strings.Contains(rules, "severity: critical") || !strings.Contains(rules, "severity: page") {
		t.Errorf("the values do not decide the severity:\n%s", rules)
	}
}
