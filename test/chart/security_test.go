package chart

import (
	"reflect"
	"testing"
)

// TestSecurityProfiles: what each profile makes of the pods. The end-to-end tests ask a cluster whether it admits them.
func TestSecurityProfiles(t *testing.T) {
	seccomp := map[string]any{"type": "RuntimeDefault"}
	container := func(capabilities map[string]any) map[string]any {
		return map[string]any{"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": capabilities}
	}
	all := []any{"ALL"}
	for name, c := range map[string]struct {
		values         string
		pod, container map[string]any
	}{
		"baseline is the default": {"{}",
			map[string]any{"runAsUser": 0.0, "runAsGroup": 0.0, "seccompProfile": seccomp},
			container(map[string]any{"drop": all, "add": []any{"CHOWN", "DAC_OVERRIDE", "FOWNER"}})},
		"restricted": {"securityProfile: restricted",
			map[string]any{"runAsNonRoot": true, "runAsUser": 65532.0, "runAsGroup": 65532.0, "seccompProfile": seccomp},
			container(map[string]any{"drop": all})},
		"the user a share belongs to": {"securityProfile: restricted\npodSecurityContext: {runAsUser: 1000, runAsGroup: 100}",
			map[string]any{"runAsNonRoot": true, "runAsUser": 1000.0, "runAsGroup": 100.0, "seccompProfile": seccomp},
			container(map[string]any{"drop": all})},
		"a user that the cluster gives": {"securityProfile: restricted\npodSecurityContext: {runAsUser: null, runAsGroup: null}",
			map[string]any{"runAsNonRoot": true, "seccompProfile": seccomp},
			container(map[string]any{"drop": all})},
		"one key changed and one more": {"securityContext: {readOnlyRootFilesystem: false, privileged: false}",
			map[string]any{"runAsUser": 0.0, "runAsGroup": 0.0, "seccompProfile": seccomp},
			map[string]any{"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": false, "privileged": false,
				"capabilities": map[string]any{"drop": all, "add": []any{"CHOWN", "DAC_OVERRIDE", "FOWNER"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			d := render(t, release{values: []string{minimal, c.values}}).one(t, "Deployment")
			if got := d.at("spec", "template", "spec", "securityContext"); !reflect.DeepEqual(got, any(c.pod)) {
				t.Errorf("the pod's security context is\n%v\nwant\n%v", got, c.pod)
			}
			if got := d.container(t).at("securityContext"); !reflect.DeepEqual(got, any(c.container)) {
				t.Errorf("the container's security context is\n%v\nwant\n%v", got, c.container)
			}
		})
	}
}

// TestNothingOfTheHost: no pod has anything of its node but the shares, whatever the values in ci say.
func TestNothingOfTheHost(t *testing.T) {
	for file, values := range ciValues(t) {
		pod := object(render(t, release{values: []string{values}}).one(t, "Deployment").at("spec", "template", "spec").(map[string]any))
		for _, key := range []string{"hostNetwork", "hostPID", "hostIPC"} {
			if pod.at(key) != nil {
				t.Errorf("%s: the pod has %s", file, key)
			}
		}
		for _, v := range pod.list("volumes") {
			if v := object(v.(map[string]any)); v.at("persistentVolumeClaim") == nil && v.at("configMap") == nil {
				t.Errorf("%s: the volume %v is no claim", file, v)
			}
		}
		if pod.at("automountServiceAccountToken") != true {
			t.Errorf("%s: the pod does not get its token", file)
		}
	}
}

// TestNetworkPolicy: the metrics alone can be reached, by those that the values name; what the pods reach stays open
// unless the values say otherwise.
func TestNetworkPolicy(t *testing.T) {
	if n := len(render(t, release{values: []string{minimal}}).ofKind("NetworkPolicy")); n != 0 {
		t.Errorf("there are %d policies that nobody asked for", n)
	}
	metrics := []any{map[string]any{"port": "http", "protocol": "TCP"}}
	for values, want := range map[string]map[string]any{
		"networkPolicy: {enabled: true}": {
			"policyTypes": []any{"Ingress"},
			"ingress":     []any{map[string]any{"ports": metrics}},
		},
		"networkPolicy: {enabled: true, from: [{namespaceSelector: {}}], egress: [{to: [{ipBlock: {cidr: 192.0.2.1/32}}]}]}": {
			"policyTypes": []any{"Ingress", "Egress"},
			"ingress":     []any{map[string]any{"ports": metrics, "from": []any{map[string]any{"namespaceSelector": map[string]any{}}}}},
			"egress":      []any{map[string]any{"to": []any{map[string]any{"ipBlock": map[string]any{"cidr": "192.0.2.1/32"}}}}},
		},
	} {
		all := render(t, release{values: []string{minimal, values}})
		spec := all.one(t, "NetworkPolicy").at("spec").(map[string]any)
		if got, want := object(spec).at("podSelector"), map[string]any(object(all.one(t, "Deployment").at("spec", "selector").(map[string]any))); !reflect.DeepEqual(got, any(want)) {
			t.Errorf("the policy is for %v, the pods are %v", got, want)
		}
		delete(spec, "podSelector")
		if !reflect.DeepEqual(spec, want) {
			t.Errorf("%s gives\n%v\nwant\n%v", values, spec, want)
		}
	}
}
