package chart

import (
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// exercises are the values that set one for which there is no place in ci/full-values.yaml.
var exercises = map[string]string{
	"leaderElection.enabled":           "leaderElection: {enabled: false}\nreplicaCount: 1",
	"rbac.create":                      "rbac: {create: false}",
	"serviceAccount.create":            "serviceAccount: {create: false}",
	"image.tag":                        "image: {tag: v1.2.3}",
	"test.image.tag":                   `test: {image: {tag: "1.36"}}`,
	"metrics.service.enabled":          "metrics: {service: {enabled: false}}",
	"podDisruptionBudget.enabled":      "podDisruptionBudget: {enabled: false}",
	"podDisruptionBudget.minAvailable": "podDisruptionBudget: {minAvailable: 1}",
	"nfs":                              "shares: [{name: other, server: s, path: /p}]\n" + olderMinimal,
	"storageClass":                     "shares: []\n" + olderMinimal + "\nstorageClass: {name: older}",
	"strategyType":                     "strategyType: Recreate",
	"labels":                           "labels: {team: storage}",
}

// TestEveryValueIsExercised: each value of values.yaml has another one in ci/full-values.yaml or above, and what is
// rendered is different without it. A value that nothing comes of, and one that nobody sets, fail here.
func TestEveryValueIsExercised(t *testing.T) {
	text, err := os.ReadFile(chartDir + "/values.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var defaults object
	if err := yaml.Unmarshal(text, &defaults); err != nil {
		t.Fatal(err)
	}
	full := ciValues(t)["full-values.yaml"]
	withFull, errs, err := template(t, release{values: []string{full}})
	if err != nil {
		t.Fatal(errs)
	}
	for _, name := range leaves("", defaults) {
		if name == "shares" || name == "podSecurityPolicy" { // needed; of no use
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			where, text, with := "ci/full-values.yaml", full, withFull
			if exercises[name] != "" {
				var err error
				if where, text = "exercises", exercises[name]; !strings.HasPrefix(text, "shares:") {
					text = minimal + text
				}
				var errs string
				if with, errs, err = template(t, release{values: []string{text}}); err != nil {
					t.Fatal(errs)
				}
			}
			var set object
			if err := yaml.Unmarshal([]byte(text), &set); err != nil {
				t.Fatal(err)
			}
			keys := strings.Split(name, ".")
			value, is := defaults.at(keys...), set.at(keys...)
			if is == nil || reflect.DeepEqual(value, is) {
				t.Fatalf("%s has %v for it, which is its default: give it another value there", where, is)
			}
			without, errs, err := template(t, release{values: []string{marshal(t, replaced(set, value, keys...))}})
			if err != nil {
				t.Fatalf("with its default in %s: %s", where, errs)
			}
			if with == without {
				t.Errorf("%s renders the same with its default, %v, as with %v", where, value, is)
			}
		})
	}
}

// replaced is a copy of o in which one value is another.
func replaced(o object, value any, keys ...string) object {
	copied := maps.Clone(o)
	if len(keys) == 1 {
		copied[keys[0]] = value
		return copied
	}
	below, _ := copied[keys[0]].(map[string]any)
	copied[keys[0]] = map[string]any(replaced(below, value, keys[1:]...))
	return copied
}

func marshal(t *testing.T, v any) string {
	t.Helper()
	text, err := yaml.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestEveryPlaceRefusesStrangers: a key that is misspelt is refused wherever it stands, and so is a value of a type that
// nobody could mean. One rendering is asked for all of it.
func TestEveryPlaceRefusesStrangers(t *testing.T) {
	var places []string
	schema := readSchema(t)
	var fill func(at string, s object) any
	fill = func(at string, s object) any {
		properties, _ := s["properties"].(map[string]any)
		items, _ := s["items"].(map[string]any)
		switch {
		case len(properties) > 0:
			o := map[string]any{}
			for _, key := range slices.Sorted(maps.Keys(properties)) {
				o[key] = fill(at+"/"+key, properties[key].(map[string]any))
			}
			if s["additionalProperties"] == false {
				o["unheardOf"] = true
				places = append(places, "at '"+at+"': additional properties 'unheardOf' not allowed")
			}
			return o
		case len(items) > 0:
			return []any{fill(at+"/0", items)}
		default:
			places = append(places, "at '"+at+"'")
			if s["type"] == "array" || s["type"] == "object" {
				return "text"
			}
			return []any{"a", "list"}
		}
	}
	delete(schema["properties"].(map[string]any), "global")
	said := refuse(t, release{values: []string{marshal(t, fill("", schema))}})
	if len(places) < 100 {
		t.Fatalf("the schema has only %d places", len(places))
	}
	for _, place := range places {
		if !strings.Contains(said, place) {
			t.Errorf("helm does not say %q, and says\n%s", place, said)
			said = "" // once is enough
		}
	}
}

// TestEveryPatternIsTested: each pattern, range and choice of the schema refuses something in the tests of refusals.
func TestEveryPatternIsTested(t *testing.T) {
	refused := map[string]bool{}
	for _, c := range refusals {
		refused[c.says] = true
	}
	for name, p := range valuesSchema(t) {
		place := "/" + strings.ReplaceAll(strings.ReplaceAll(name, "[].", "/0/"), ".", "/")
		s := p.schema
		if items, ok := s["items"].(map[string]any); ok && items["properties"] == nil {
			place, s = place+"/0", items
		}
		limited := false
		for _, key := range []string{"pattern", "enum", "minimum", "maximum", "exclusiveMinimum", "minLength", "minItems", "anyOf"} {
			limited = limited || s[key] != nil
		}
		if limited && !refused[place] {
			t.Errorf("no test refuses anything at %s", place)
		}
	}
}
