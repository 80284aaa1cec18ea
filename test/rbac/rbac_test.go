//go:build e2e

package rbac

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/yaml"
)

// What the end-to-end tests install, and where.
const (
	release   = "nfs"
	namespace = "nfs-provisioner-e2e"
	account   = "system:serviceaccount:" + namespace + ":nfs-nfs-provisioner"
)

// A request is what a rule permits or refuses.
type request struct {
	group, resource, name, verb string
}

// entry is what is read of a line of the audit log.
type entry struct {
	Verb      string
	User      struct{ Username string }
	ObjectRef struct {
		APIGroup, Resource, Subresource, Name string
	}
	Annotations map[string]string
}

// TestRolesPermitWhatIsUsedAndNothingElse fails for a verb of a role that nothing used, and for a request that no role
// of the chart permits.
func TestRolesPermitWhatIsUsedAndNothingElse(t *testing.T) {
	log := os.Getenv("AUDIT_LOG")
	if log == "" {
		t.Skip("AUDIT_LOG does not say where this cluster's audit log is")
	}
	rules := rules(t)
	used := make([]sets.Set[string], len(rules))
	for i := range used {
		used[i] = sets.New[string]()
	}
	requests := requests(t, log)
	if len(requests) == 0 {
		t.Fatalf("%s has no request of %s: the end-to-end tests come first", log, account)
	}
	for r, decision := range requests {
		permitted := strings.Contains(decision, "system:basic-user") // as everybody may ask what they may do
		for i, rule := range rules {
			if permits(rule, r) {
				used[i].Insert(r.verb)
				permitted = true
			}
		}
		if !permitted {
			t.Errorf("no role of the chart permits %+v; the API server says: %s", r, decision)
		}
	}
	for i, rule := range rules {
		// This API server sends what there is with the watch. One before 1.34 may not, and has to be asked for a list.
		if used[i].Has("watch") {
			used[i].Insert("list")
		}
		if unused := sets.New(rule.Verbs...).Difference(used[i]); len(unused) > 0 {
			t.Errorf("nothing needs %v on %v %v", sets.List(unused), rule.Resources, rule.ResourceNames)
		}
	}
}

func permits(rule rbacv1.PolicyRule, r request) bool {
	return slices.Contains(rule.APIGroups, r.group) && slices.Contains(rule.Resources, r.resource) && slices.Contains(rule.Verbs, r.verb) &&
		(len(rule.ResourceNames) == 0 || slices.Contains(rule.ResourceNames, r.name))
}

// rules are those of all roles of the chart.
func rules(t *testing.T) (all []rbacv1.PolicyRule) {
	t.Helper()
	out, err := exec.Command("helm", "template", release, "../../charts/nfs-provisioner", "--namespace", namespace,
		"--show-only", "templates/rbac.yaml", "--set", "shares[0].name=a,shares[0].server=s,shares[0].path=/p").Output()
	if err != nil {
		t.Fatal(err)
	}
	for text := range strings.SplitSeq(string(out), "\n---\n") {
		var role rbacv1.ClusterRole
		if err := yaml.Unmarshal([]byte(text), &role); err != nil {
			t.Fatal(err)
		}
		all = append(all, role.Rules...)
	}
	if len(all) == 0 {
		t.Fatalf("the chart renders no rules:\n%s", out)
	}
	return all
}

// requests are the distinct ones of the provisioner, each with the API server's reason to permit or refuse it.
func requests(t *testing.T, log string) map[request]string {
	t.Helper()
	file, err := os.Open(log)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	all := map[request]string{}
	reader := bufio.NewReader(file)
	for {
		line, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return all // and perhaps a line that is being written
		}
		if err != nil {
			t.Fatal(err)
		}
		var e entry
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("%s: %v in the line %s", log, err, line)
		}
		if e.User.Username != account || e.ObjectRef.Resource == "" {
			continue // of somebody else, or a question about the API as such
		}
		resource := e.ObjectRef.Resource
		if e.ObjectRef.Subresource != "" {
			resource += "/" + e.ObjectRef.Subresource
		}
		all[request{e.ObjectRef.APIGroup, resource, e.ObjectRef.Name, e.Verb}] =
			e.Annotations["authorization.k8s.io/decision"] + ", " + e.Annotations["authorization.k8s.io/reason"]
	}
}
