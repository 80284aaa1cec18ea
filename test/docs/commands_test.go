package docs

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	target = regexp.MustCompile(`(?m)^([a-z0-9-]+):`)
	// madeTarget is one in a document, in a block of commands or a workflow.
	madeTarget = regexp.MustCompile("(?m)(?:`|run: |\" |^ *)make ([a-z0-9-]+)")
)

func TestEveryMakeTargetThatIsNamedExists(t *testing.T) {
	var targets []string
	for _, found := range target.FindAllStringSubmatch(page(t, "Makefile"), -1) {
		targets = append(targets, found[1])
	}
	named := pages(t)
	for _, workflow := range []string{".github/workflows/test.yml", ".github/workflows/release.yml"} {
		named[workflow] = page(t, workflow)
		if !madeTarget.MatchString(named[workflow]) {
			t.Errorf("%s makes nothing", workflow)
		}
	}
	for name, text := range named {
		for _, found := range madeTarget.FindAllStringSubmatch(text, -1) {
			if !slices.Contains(targets, found[1]) {
				t.Errorf("%s: there is no make %s", name, found[1])
			}
		}
	}
}

// The flags of the program that documents name are those that it has.
func TestEveryFlagThatIsNamedExists(t *testing.T) {
	known := page(t, "docs/command-line.md")
	named := regexp.MustCompile("`(--[a-z][-a-z]+)(?:=[^`]*)?`")
	for name, text := range pages(t) {
		if !strings.HasPrefix(name, "docs/") && name != "README.md" || name == "docs/migration.md" {
			continue // the chart, the test cluster and the older provisioner have flags of their own
		}
		for _, found := range named.FindAllStringSubmatch(text, -1) {
			if !strings.Contains(known, found[1]+" ") && !strings.Contains(known, found[1]+"[") {
				t.Errorf("%s: the program has no flag %s", name, found[1])
			}
		}
	}
}

// What a reader may copy is run, so it is one of the kinds of blocks that are.
func TestEveryBlockHasALanguageThatIsChecked(t *testing.T) {
	for name := range pages(t) {
		if strings.HasPrefix(name, "test/") {
			continue
		}
		blocks, err := Read(root + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range blocks {
			if !slices.Contains([]string{"sh", "yaml", "text", event, ""}, b.Language) {
				t.Errorf("%v has the language %q, of which nobody knows what to do with it", b, b.Language)
			}
		}
	}
}
