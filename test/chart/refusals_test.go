package chart

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/nfs-provisioner/nfs-provisioner/internal/provision"
	"sigs.k8s.io/yaml"
)

// TestSchema refuses what no cluster would understand, before it gets there, and names the place.
func TestSchema(t *testing.T) {
	share := func(s string) string { return "shares: [{name: a, server: s, path: /p, " + s + "}]" }
	class := func(s string) string { return "storageClasses: [{name: a, " + s + "}]" }
	for name, c := range map[string]struct{ values, says string }{
		"unknown key":              {"replicas: 2", "'replicas' not allowed"},
		"misspelt share key":       {share("mountOption: [hard]"), "'mountOption' not allowed"},
		"misspelt class key":       {class("reclaimpolicy: Delete"), "'reclaimpolicy' not allowed"},
		"misspelt parameter":       {class("parameters: {pathpattern: x}"), "'pathpattern' not allowed"},
		"share as a parameter":     {class("parameters: {share: a}"), "'share' not allowed"},
		"misspelt image key":       {"image: {name: x}", "'name' not allowed"},
		"share without a server":   {"shares: [{name: a, path: /p}]", "'server'"},
		"share without a path":     {"shares: [{name: a, server: s}]", "'path'"},
		"share name in capitals":   {"shares: [{name: A, server: s, path: /p}]", "/shares/0/name"},
		"share name too long":      {"shares: [{name: " + strings.Repeat("a", 41) + ", server: s, path: /p}]", "/shares/0/name"},
		"relative path":            {"shares: [{name: a, server: s, path: p}]", "/shares/0/path"},
		"path with a slash at end": {"shares: [{name: a, server: s, path: /p/}]", "/shares/0/path"},
		"path with a comma":        {"shares: [{name: a, server: s, path: '/p,q'}]", "/shares/0/path"},
		"server with brackets":     {"shares: [{name: a, server: '[fd00::1]', path: /p}]", "/shares/0/server"},
		"server with a path":       {"shares: [{name: a, server: 's:/p', path: /p}]", "/shares/0/server"},
		"two options in one":       {share("mountOptions: ['hard,noatime']"), "/shares/0/mountOptions/0"},
		"options as text":          {share("mountOptions: hard"), "/shares/0/mountOptions"},
		"size without a number":    {share("size: big"), "/shares/0/size"},
		"class without a name":     {"storageClasses: [{share: a}]", "'name'"},
		"unknown reclaim policy":   {class("reclaimPolicy: Recycle"), "/storageClasses/0/reclaimPolicy"},
		"unknown binding mode":     {class("volumeBindingMode: Later"), "/storageClasses/0/volumeBindingMode"},
		"mode as a number":         {class("parameters: {mode: 0770}"), "/storageClasses/0/parameters/mode"},
		"mode that is not octal":   {class("parameters: {mode: '0888'}"), "/storageClasses/0/parameters/mode"},
		"uid as a number":          {class("parameters: {uid: 1000}"), "/storageClasses/0/parameters/uid"},
		"retention without a unit": {class("parameters: {archiveRetention: '30'}"), "/storageClasses/0/parameters/archiveRetention"},
		"unknown onDelete":         {class("parameters: {onDelete: keep}"), "/storageClasses/0/parameters/onDelete"},
		"allowShared as a boolean": {class("parameters: {allowShared: true}"), "/storageClasses/0/parameters/allowShared"},
		"default as text":          {class("default: 'yes'"), "/storageClasses/0/default"},
		"provisioner with spaces":  {"provisionerName: my nfs", "/provisionerName"},
		"replicas as text":         {"replicaCount: two", "/replicaCount"},
		"digest cut short":         {"image: {digest: 'sha256:12'}", "/image/digest"},
		"unknown pull policy":      {"image: {pullPolicy: Sometimes}", "/image/pullPolicy"},
		"timeout without a unit":   {"operationTimeout: '30'", "/operationTimeout"},
		"no workers":               {"workers: 0", "/workers"},
		"argument without a dash":  {"extraArgs: [v=4]", "/extraArgs/0"},
		"variable without a name":  {"extraEnv: [{value: x}]", "'name'"},
		"label as a number":        {"podLabels: {a: 1}", "/podLabels/a"},
		"misspelt metrics key":     {"metrics: {servicemonitor: {enabled: true}}", "'servicemonitor' not allowed"},
		"interval without a unit":  {"metrics: {serviceMonitor: {interval: '30'}}", "/metrics/serviceMonitor/interval"},
		"share over-full":          {"metrics: {prometheusRule: {thresholds: {shareFull: 90}}}", "/metrics/prometheusRule/thresholds/shareFull"},
		"selector with braces":     {"metrics: {prometheusRule: {selector: '{job=\"a\"}'}}", "/metrics/prometheusRule/selector"},
		"address without a port":   {"pprofAddress: localhost", "/pprofAddress"},
	} {
		t.Run(name, func(t *testing.T) {
			said := refuse(t, release{values: []string{minimal, c.values}})
			if !strings.Contains(said, c.says) {
				t.Errorf("helm says\n%s\nwithout the words %q", said, c.says)
			}
		})
	}
}

// TestMistakes refuses what a schema cannot see, in one sentence.
func TestMistakes(t *testing.T) {
	for name, c := range map[string]struct{ values, says string }{
		"no shares": {"shares: []",
			"shares is empty: name at least one NFS export, for example"},
		"unknown share": {"storageClasses: [{name: nfs, share: fats}]",
			`storageClasses: class "nfs" names the share "fats", which is not one of shares: default.`},
		"two shares of one name": {"shares: [{name: a, server: s, path: /p}, {name: a, server: s, path: /q}]",
			`shares: the name "a" is given twice; each share needs a name of its own.`},
		"two classes of one name": {"storageClasses: [{name: a}, {name: a}]",
			`storageClasses: the name "a" is given twice; each class needs a name of its own.`},
		"two default classes": {"storageClasses: [{name: a, default: true}, {name: b, default: true}]",
			`storageClasses: "a" and "b" are both marked default; a cluster should have one default class.`},
		"two replicas without a lease": {"leaderElection: {enabled: false}",
			"replicaCount is 2, but leaderElection.enabled is false: two replicas would write to a share at once. Set replicaCount to 1."},
		"a monitor of no service": {"metrics: {service: {enabled: false}, serviceMonitor: {enabled: true}}",
			"metrics.serviceMonitor is enabled, but metrics.service is not: there is no Service to monitor. Enable both."},
		"one variable twice": {"extraEnv: [{name: A, value: one}, {name: A, value: two}]",
			`extraEnv: "A" is given twice.`},
	} {
		t.Run(name, func(t *testing.T) {
			said := refuse(t, release{values: []string{minimal, c.values}})
			if !strings.Contains(said, "\n"+c.says) {
				t.Errorf("helm says\n%s\nwithout the line\n%s", said, c.says)
			}
		})
	}
}

// TestParameters: the schema and the program know the same parameters of a class.
func TestParameters(t *testing.T) {
	file, err := os.ReadFile(chartDir + "/values.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema object
	if err := yaml.Unmarshal(file, &schema); err != nil {
		t.Fatal(err)
	}
	parameters, _ := schema.at("properties", "storageClasses", "items", "properties", "parameters", "properties").(map[string]any)
	// The chart has a value of its own for the share of a class.
	known := append(slices.Collect(maps.Keys(parameters)), "share")

	// The program names what it knows when it is given what it does not know.
	_, err = provision.ParseParameters(map[string]string{"unheard-of": "x"})
	if err == nil {
		t.Fatal("the program accepts a parameter that nobody has heard of")
	}
	_, list, _ := strings.Cut(err.Error(), "known are ")
	theirs := strings.Split(list, ", ")

	slices.Sort(known)
	slices.Sort(theirs)
	if !slices.Equal(known, theirs) {
		t.Errorf("the chart's schema knows the parameters\n%v\nthe program knows\n%v", known, theirs)
	}
}

// TestValuesDocumented finds every value in the chart's README.
func TestValuesDocumented(t *testing.T) {
	readme, err := os.ReadFile(chartDir + "/README.md")
	if err != nil {
		t.Fatal(err)
	}
	values, err := os.ReadFile(chartDir + "/values.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var tree map[string]any
	if err := yaml.Unmarshal(values, &tree); err != nil {
		t.Fatal(err)
	}
	for _, name := range leaves("", tree) {
		if !strings.Contains(string(readme), "| `"+name+"` |") {
			t.Errorf("README.md has no line for %s", name)
		}
	}
}

// leaves are the names of all values. Those that are passed on as they are need no line for each of their parts.
func leaves(above string, tree map[string]any) (names []string) {
	for key, value := range tree {
		parts, _ := value.(map[string]any)
		if lower := strings.ToLower(key); len(parts) == 0 || key == "resources" || strings.HasSuffix(lower, "securitycontext") || strings.HasSuffix(lower, "labels") {
			names = append(names, above+key)
		} else {
			names = append(names, leaves(above+key+".", parts)...)
		}
	}
	return names
}

// TestNotes renders what a person sees after the installation.
func TestNotes(t *testing.T) {
	for file, want := range map[string][]string{
		"full-values.yaml":    {"storageClassName: fast", "rollout status deployment/storage", "describe pvc first"},
		"minimal-values.yaml": {"No StorageClass was made", "provisioner: cluster.local/rel-nfs-provisioner"},
	} {
		out, errs, err := helm(t, "install", "rel", chartDir, "--namespace", "storage", "--dry-run=client", "--values", chartDir+"/ci/"+file)
		if err != nil {
			t.Fatalf("helm install --dry-run: %v\n%s", err, errs)
		}
		_, notes, _ := strings.Cut(out, "\nNOTES:\n")
		for _, w := range want {
			if !strings.Contains(notes, w) {
				t.Errorf("%s: the notes do not say %q:\n%s", file, w, notes)
			}
		}
	}
}
