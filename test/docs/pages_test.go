package docs

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// root is the way from here to the root of the repository.
const root = "../.."

// pages are the documents for users, by their path in the repository.
func pages(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md", "charts/*/README.md", "deploy/README.md", "test/cluster/README.md"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			name, err := filepath.Rel(root, file)
			if err != nil {
				t.Fatal(err)
			}
			texts[name] = string(text)
		}
	}
	if len(texts) == 0 {
		t.Fatal("there are no documents")
	}
	return texts
}

func page(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// prose is a document without its fenced blocks.
func prose(text string) string {
	var kept strings.Builder
	inside := false
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), fence) {
			inside = !inside
		} else if !inside {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

var heading = regexp.MustCompile(`(?m)^#+ (.*)$`)

// headings are those of a document.
func headings(text string) []string {
	var all []string
	for _, found := range heading.FindAllStringSubmatch(prose(text), -1) {
		all = append(all, found[1])
	}
	return all
}

// anchor is what GitHub makes of a heading: lower case, dashes for blanks, and
// of everything else letters, digits, dashes and underscores.
func anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		default:
			return -1
		}
	}, heading)
}

// later are pages that are linked before they are there: `make bench` writes one.
var later = []string{"docs/benchmark.md"}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// dead are the links of a page that lead nowhere.
func dead(name, text string, texts map[string]string, exists func(string) bool) []string {
	var found []string
	for _, l := range link.FindAllStringSubmatch(prose(text), -1) {
		target, fragment, _ := strings.Cut(l[1], "#")
		if strings.Contains(target, "://") {
			continue
		}
		file := name
		if target != "" {
			file = path.Join(path.Dir(name), target)
		}
		if !exists(file) && !slices.Contains(later, file) {
			found = append(found, l[1])
			continue
		}
		to, isPage := texts[file]
		if fragment != "" && isPage && !slices.ContainsFunc(headings(to), func(h string) bool { return anchor(h) == fragment }) {
			found = append(found, l[1])
		}
	}
	return found
}

func TestEveryLinkLeadsSomewhere(t *testing.T) {
	texts := pages(t)
	exists := func(name string) bool { _, err := os.Stat(filepath.Join(root, name)); return err == nil }
	for name, text := range texts {
		for _, l := range dead(name, text, texts, exists) {
			t.Errorf("%s: %s leads nowhere", name, l)
		}
	}
}

func TestALinkThatLeadsNowhereIsFound(t *testing.T) {
	texts := map[string]string{
		"README.md":   "[a](docs/b.md) [b](docs/b.md#a-b) [c](#top)\n# Top\n```\n[x](nowhere.md)\n```\n[d](docs/c.md) [e](docs/b.md#c) [f](https://example.com/x)",
		"docs/b.md":   "## A, b!\n[up](../README.md#top) [g](README.md)",
		"docs/img.md": "",
	}
	exists := func(name string) bool { _, ok := texts[name]; return ok }
	if got := dead("README.md", texts["README.md"], texts, exists); !slices.Equal(got, []string{"docs/c.md", "docs/b.md#c"}) {
		t.Errorf("dead links of the README: %q", got)
	}
	if got := dead("docs/b.md", texts["docs/b.md"], texts, exists); !slices.Equal(got, []string{"README.md"}) {
		t.Errorf("dead links of the other page: %q", got)
	}
}

// Whoever reads the README finds every document from there.
func TestTheReadmeNamesEveryDocument(t *testing.T) {
	readme := page(t, "README.md")
	for name := range pages(t) {
		if strings.HasPrefix(name, "docs/") && !strings.Contains(readme, "("+name) {
			t.Errorf("README.md has no link to %s", name)
		}
	}
}
