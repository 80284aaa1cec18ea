package docs

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

var released = regexp.MustCompile(`^## \[(Unreleased|\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?)\]( - \d{4}-\d{2}-\d{2})?$`)

// The form of Keep a Changelog: a heading for each version, the newest first,
// and under it one for each kind of change.
func TestTheChangelogKeepsItsForm(t *testing.T) {
	kinds := []string{"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
	var versions []string
	for line := range strings.Lines(page(t, "CHANGELOG.md")) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "## ") {
			version := released.FindStringSubmatch(line)
			if version == nil || (version[1] == "Unreleased") != (version[3] == "") {
				t.Errorf("%q is not the heading of a version: ## [1.2.3] - 2006-01-02", line)
				continue
			}
			versions = append(versions, version[1])
		}
		if kind, ok := strings.CutPrefix(line, "### "); ok && !slices.Contains(kinds, kind) {
			t.Errorf("%q is none of %q", kind, kinds)
		}
	}
	if len(versions) == 0 || versions[0] != "Unreleased" {
		t.Errorf("the versions are %q; the first should be Unreleased", versions)
	}
}
