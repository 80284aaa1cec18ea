package chart

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// section is a part of values.yaml under one heading, "## Heading".
type section struct {
	heading string
	values  []value
}

// value is one that a user can set: a key of values.yaml with a comment above it, and no such key below it. That of the
// entries of a list is named like shares[].name.
type value struct {
	name, about string
	// without is what it is when it is not set, as JSON; "" where it has to be set.
	without string
}

var (
	headingLine = regexp.MustCompile(`^## (.+)$`)
	commentLine = regexp.MustCompile(`^ *# (.*)$`)
	keyLine     = regexp.MustCompile(`^( *)([A-Za-z]+):( .*)?$`)
)

// documented reads the comments of values.yaml. An example of a list's entries, commented out, is read as if it were
// not; what such an entry is without a value is in the schema.
func documented(t *testing.T) (sections []section) {
	t.Helper()
	text, err := os.ReadFile(chartDir + "/values.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var defaults object
	if err := yaml.Unmarshal(text, &defaults); err != nil {
		t.Fatal(err)
	}
	schema := valuesSchema(t)

	type level struct {
		indent int
		name   string
	}
	var above []level
	var comment []string
	parents := map[string]bool{}
	for line := range strings.SplitSeq(string(text), "\n") {
		if heading := headingLine.FindStringSubmatch(line); heading != nil {
			sections = append(sections, section{heading: heading[1]})
			continue
		}
		if example, ok := strings.CutPrefix(line, "#  "); ok {
			line = "  " + strings.Replace(example, "- #", "  #", 1)
		}
		if about := commentLine.FindStringSubmatch(line); about != nil {
			comment = append(comment, about[1])
			continue
		}
		key := keyLine.FindStringSubmatch(line)
		about := strings.Join(comment, " ")
		comment = nil
		if key == nil {
			continue
		}
		for len(above) > 0 && above[len(above)-1].indent >= len(key[1]) {
			above = above[:len(above)-1]
		}
		name := key[2]
		if len(above) > 0 {
			parents[above[len(above)-1].name] = parents[above[len(above)-1].name] || about != ""
			name = above[len(above)-1].name + "." + name
		}
		here := level{len(key[1]), name}
		if strings.TrimSpace(key[3]) == "[]" && len(key[1]) == 0 {
			here.name += "[]" // of an example that may follow
		}
		above = append(above, here)
		if about == "" || len(sections) == 0 {
			continue
		}
		v := value{name: name, about: about}
		if strings.Contains(name, "[]") {
			v.without = schema[name].without
		} else {
			v.without = compact(t, defaults.at(strings.Split(name, ".")...))
		}
		last := &sections[len(sections)-1]
		last.values = append(last.values, v)
	}
	for i := range sections {
		sections[i].values = slices.DeleteFunc(sections[i].values, func(v value) bool { return parents[v.name] })
	}
	return sections
}

func compact(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// property is what the schema says of a value.
type property struct {
	schema   object
	required bool
	without  string // as that of value
}

func readSchema(t *testing.T) (schema object) {
	t.Helper()
	text, err := os.ReadFile(chartDir + "/values.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	return schema
}

// valuesSchema is every value that the schema knows by its own name.
func valuesSchema(t *testing.T) map[string]property {
	t.Helper()
	schema := readSchema(t)
	all := map[string]property{}
	var walk func(above string, o object)
	walk = func(above string, o object) {
		properties, _ := o["properties"].(map[string]any)
		for key, v := range properties {
			p := property{schema: v.(map[string]any), required: slices.Contains(o.list("required"), any(key))}
			if given, ok := p.schema["default"]; ok {
				p.without = compact(t, given)
			} else if !p.required {
				p.without = `""`
			}
			all[above+key] = p
			walk(above+key+".", p.schema)
			if items, ok := p.schema["items"].(map[string]any); ok {
				walk(above+key+"[].", items)
			}
		}
	}
	walk("", schema)
	return all
}

// TestValuesDocumented: every value of values.yaml has a comment, and a heading above it.
func TestValuesDocumented(t *testing.T) {
	text, err := os.ReadFile(chartDir + "/values.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var tree map[string]any
	if err := yaml.Unmarshal(text, &tree); err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, s := range documented(t) {
		for _, v := range s.values {
			known[v.name] = true
		}
	}
	for _, name := range leaves("", tree) {
		if !coveredBy(known, name) {
			t.Errorf("values.yaml has no comment above %s that says what it is", name)
		}
	}
}

// TestSchemaKnowsEveryValue: whatever is documented is in the schema, and the other way round.
func TestSchemaKnowsEveryValue(t *testing.T) {
	schema, known := valuesSchema(t), map[string]bool{"global": true}
	for _, s := range documented(t) {
		for _, v := range s.values {
			known[v.name] = true
			if _, ok := schema[v.name]; !ok {
				t.Errorf("values.schema.json does not know %s", v.name)
			}
		}
	}
	for name, p := range schema {
		if _, parts := p.schema["properties"]; parts || coveredBy(known, name) {
			continue
		}
		t.Errorf("values.yaml has no comment on %s, which values.schema.json knows", name)
	}
}

// coveredBy says whether a value, or what it is a part of, is among the known ones.
func coveredBy(known map[string]bool, name string) bool {
	for {
		if known[name] {
			return true
		}
		i := strings.LastIndex(name, ".")
		if list, ok := strings.CutSuffix(name, "[]"); ok {
			i = len(list)
		}
		if i < 0 {
			return false
		}
		name = name[:i]
	}
}

// leaves are the names of all values of values.yaml. What is named by keys of somebody else's is one value.
func leaves(above string, tree map[string]any) (names []string) {
	others := func(key string) bool { return strings.Contains(key, "/") }
	for key, v := range tree {
		if parts, _ := v.(map[string]any); len(parts) > 0 && !slices.ContainsFunc(slices.Collect(maps.Keys(parts)), others) {
			names = append(names, leaves(above+key+".", parts)...)
		} else {
			names = append(names, above+key)
		}
	}
	slices.Sort(names)
	return names
}
