package docs

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	alert   = regexp.MustCompile(`(?m)^ +- alert: (\w+)$`)
	runbook = regexp.MustCompile(`(?m)^ +runbook_url: .*/(.*)#(.*)$`)
)

// An alert leads whoever is woken by it to what to do.
func TestEveryAlertHasAHeadingAndLeadsThere(t *testing.T) {
	const place, template = "docs/operations.md", "charts/nfs-provisioner/templates/prometheusrule.yaml"
	sections, rules := headings(page(t, place)), page(t, template)
	alerts, runbooks := alert.FindAllStringSubmatch(rules, -1), runbook.FindAllStringSubmatch(rules, -1)
	if len(alerts) == 0 || len(alerts) != len(runbooks) {
		t.Fatalf("%s has %d alerts and %d runbooks", template, len(alerts), len(runbooks))
	}
	for i, a := range alerts {
		if !slices.Contains(sections, a[1]) {
			t.Errorf("%s has no heading %s", place, a[1])
		}
		if file, fragment := runbooks[i][1], runbooks[i][2]; "docs/"+file != place || fragment != anchor(a[1]) {
			t.Errorf("the runbook of %s is %s#%s", a[1], file, fragment)
		}
	}
	for _, s := range sections {
		if strings.HasPrefix(s, "NFSProvisioner") && !slices.ContainsFunc(alerts, func(a []string) bool { return a[1] == s }) {
			t.Errorf("%s has a heading for %s, which is no alert", place, s)
		}
	}
}
