package provision

import (
	"strings"
	"testing"

	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

// Kubernetes allows 63 characters for a namespace and 253 for a claim; a file
// system 255 bytes for a name.
func TestTheLongestNamesOfKubernetesHaveADirectoryOrAnAdvice(t *testing.T) {
	for _, policy := range []string{"delete", "archive", "retain"} {
		w := newWorld(t)
		claim := w.claim("a")
		delete(w.claims, "default/a")
		claim.Namespace, claim.Name = strings.Repeat("n", 63), strings.Repeat("c", 253)
		w.claims[claim.Namespace+"/"+claim.Name] = claim
		err := w.refusal(w.class(), claim, "255", "a pathPattern with slashes", "change what pathPattern renders")
		if len(err.Error()) > 1000 { // an event's message has room for 1,024 bytes
			t.Errorf("the refusal has %d bytes: %v", len(err.Error()), err)
		}
		volume := w.provision(w.class("pathPattern", "${.PVC.namespace}/${.PVC.name}", "onDelete", policy), claim)
		if want := "/export/" + claim.Namespace + "/" + claim.Name; volume.Spec.NFS.Path != want {
			t.Errorf("the volume is at %s", volume.Spec.NFS.Path)
		}
		w.write(0, claim.Namespace+"/"+claim.Name+"/file")
		if err := w.Delete(t.Context(), volume); err != nil {
			t.Errorf("%s: %v", policy, err)
		}
		files := 0
		for name := range strings.SplitSeq(w.names(0), " ") {
			for segment := range strings.SplitSeq(name, "/") {
				if len(segment) > share.MaxSegment {
					t.Errorf("%q has %d bytes", segment, len(segment))
				}
			}
			if strings.HasSuffix(name, "/file") {
				files++
			}
		}
		if want := map[string]int{"delete": 0, "archive": 1, "retain": 1}[policy]; files != want {
			t.Errorf("%s: %d files are left, want %d", policy, files, want)
		}
	}
}
