package chart

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the tables of the chart's README anew")

const (
	tableBegins = "<!-- values: "
	tableEnds   = "<!-- end of values -->"
)

// TestReadmeIsCurrent: the README's tables of values say what values.yaml says. `make chart-readme` writes them.
func TestReadmeIsCurrent(t *testing.T) {
	const file = chartDir + "/README.md"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	is, want := string(text), string(text)
	for _, s := range documented(t) {
		begin := tableBegins + s.heading + " -->\n"
		before, rest, begins := strings.Cut(want, begin)
		_, after, ends := strings.Cut(rest, tableEnds)
		if !begins || !ends {
			t.Fatalf("README.md has no place for the values under %q: the line %q, and after it %q", s.heading, begin, tableEnds)
		}
		want = before + begin + table(s.values) + tableEnds + after
	}
	if n := strings.Count(want, tableBegins); n != len(documented(t)) {
		t.Errorf("README.md has %d tables of values, values.yaml has %d headings", n, len(documented(t)))
	}
	if is == want {
		return
	}
	if !*update {
		t.Fatal("the README is not what values.yaml says: make chart-readme")
	}
	if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

func table(values []value) string {
	var b strings.Builder
	b.WriteString("| value | default | what it is |\n|---|---|---|\n")
	for _, v := range values {
		without := "needed"
		if v.without != "" {
			without = "`" + v.without + "`"
			if text := strings.Trim(v.without, `"`); text != "" {
				without = "`" + text + "`"
			}
		}
		b.WriteString("| `" + v.name + "` | " + without + " | " + strings.ReplaceAll(v.about, "|", `\|`) + " |\n")
	}
	return b.String()
}
