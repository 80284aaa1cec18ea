package chart

import (
	"reflect"
	"strings"
	"testing"
)

// wantArgs checks that each argument stands exactly once.
func wantArgs(t *testing.T, deployment object, want ...string) {
	t.Helper()
	args := deployment.args(t)
	for _, w := range want {
		n := 0
		for _, a := range args {
			if a == w {
				n++
			}
		}
		if n != 1 {
			t.Errorf("the argument %q stands %d times, want once, in:\n%s", w, n, strings.Join(args, "\n"))
		}
	}
}

const twoShares = `
shares:
- {name: fast, server: nfs.example.com, path: /export/fast, mountOptions: [nfsvers=4.1, noatime], size: 500Gi}
- {name: bulk, server: "fd00::10", path: /, usageInterval: 24h}
`

// TestShares follows each share from its values to the mount that the program is told of.
func TestShares(t *testing.T) {
	all := render(t, release{values: []string{twoShares}})
	deployment := all.one(t, "Deployment")
	volumes, claims := all.ofKind("PersistentVolume"), all.ofKind("PersistentVolumeClaim")
	if len(volumes) != 2 || len(claims) != 2 {
		t.Fatalf("rendered %d volumes and %d claims, want 2 and 2", len(volumes), len(claims))
	}
	var told []string
	for i, want := range []struct {
		name, server, path, size string
		options                  []any
		interval                 string
	}{
		{"fast", "nfs.example.com", "/export/fast", "500Gi", []any{"nfsvers=4.1", "noatime"}, ""},
		{"bulk", "fd00::10", "/", "1Ti", nil, ",usageInterval=24h"},
	} {
		pv, pvc := volumes[i], claims[i]
		spec := map[string]any{
			"accessModes": []any{"ReadWriteMany"},
			"capacity":    map[string]any{"storage": want.size},
			"claimRef": map[string]any{"apiVersion": "v1", "kind": "PersistentVolumeClaim",
				"namespace": "storage", "name": pvc.name()},
			"nfs":                           map[string]any{"server": want.server, "path": want.path},
			"persistentVolumeReclaimPolicy": "Retain",
			"storageClassName":              "",
			"volumeMode":                    "Filesystem",
		}
		if want.options != nil {
			spec["mountOptions"] = want.options
		}
		if got := pv.at("spec"); !reflect.DeepEqual(got, spec) {
			t.Errorf("the volume of %s is\n%v\nwant\n%v", want.name, got, spec)
		}
		spec = map[string]any{
			"accessModes":      []any{"ReadWriteMany"},
			"resources":        map[string]any{"requests": map[string]any{"storage": want.size}},
			"storageClassName": "",
			"volumeMode":       "Filesystem",
			"volumeName":       pv.name(),
		}
		if got := pvc.at("spec"); !reflect.DeepEqual(got, spec) {
			t.Errorf("the claim of %s is\n%v\nwant\n%v", want.name, got, spec)
		}
		for _, name := range []string{pv.name(), pvc.name()} {
			if !strings.Contains(name, "-"+want.name+"-") && !strings.Contains(name, "."+want.name+"-") {
				t.Errorf("%q does not say that it is of the share %s", name, want.name)
			}
		}

		volume := object(deployment.list("spec", "template", "spec", "volumes")[i].(map[string]any))
		if got := volume.str("persistentVolumeClaim", "claimName"); got != pvc.name() {
			t.Errorf("the pods mount the claim %q for %s, want %q", got, want.name, pvc.name())
		}
		mount := object(deployment.container(t).list("volumeMounts")[i].(map[string]any))
		if mount.str("name") != volume.str("name") || mount.str("mountPath") != "/shares/"+want.name {
			t.Errorf("the mount of %s is %v", want.name, mount)
		}
		told = append(told, "name="+want.name+",server="+want.server+",path="+want.path+",mount=/shares/"+want.name+want.interval+"\n")
	}
	// In their order: the first is the default.
	variable := object(deployment.container(t).list("env")[0].(map[string]any))
	if got, want := variable.str("value"), strings.Join(told, ""); variable.str("name") != "NFS_SHARES" || got != want {
		t.Errorf("the program is told of the shares\n%s=%s\nwant\n%s", variable.str("name"), got, want)
	}
}

// TestChangedShare: whatever Kubernetes does not let us change must make new names, and nothing else may.
func TestChangedShare(t *testing.T) {
	names := func(share string, more ...string) string {
		all := render(t, release{values: append([]string{"shares:\n- " + share}, more...)})
		pv, pvc := all.one(t, "PersistentVolume"), all.one(t, "PersistentVolumeClaim")
		return pv.name() + " " + pvc.name()
	}
	base := names("{name: a, server: s, path: /p}")
	seen := map[string]string{base: "the first"}
	for _, changed := range []string{
		"{name: a, server: s2, path: /p}",
		"{name: a, server: s, path: /p2}",
		"{name: a, server: s, path: /p, size: 2Ti}",
		"{name: a, server: s, path: /p, mountOptions: [hard]}",
		"{name: a, server: s, path: /p, mountOptions: [hard, noatime]}",
		"{name: a, server: s, path: /p, mountOptions: [noatime, hard]}",
	} {
		got := names(changed)
		if other, ok := seen[got]; ok {
			t.Errorf("%s and %s are both named %s", changed, other, got)
		}
		seen[got] = changed
	}
	for _, same := range []string{"{name: a, server: s, path: /p, size: 1Ti}", "{name: a, server: s, path: /p, mountOptions: []}"} {
		if got := names(same); got != base {
			t.Errorf("%s is named %s, want %s as without the default", same, got, base)
		}
	}
	if got := names("{name: a, server: s, path: /p}", "logLevel: 5\nstorageClasses: [{name: x}]"); got != base {
		t.Errorf("other values changed the names to %s", got)
	}
}
