//go:build e2e

package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
)

// What happens to a share in the middle of a copy ends no clone: it is whole
// when the share is well again.
func TestACloneEndsWholeWhateverHappensToItsShare(t *testing.T) {
	s := newScene(t)
	s.needControl()
	f := s.installFrail()
	full := f.kernel[slices.Index(kernelShares, "full")]
	nfs := func(action string) func() error {
		return func() error { _, err := control(s.Context(), "nfs", action); return err }
	}
	server := func(script string) func() error {
		return func() error { _, err := onServer(s.Context(), "cd "+kernelMount(full.share)+"; "+script); return err }
	}
	for _, c := range []struct {
		name       string
		on         place
		files      int // enough for a copy that takes some seconds
		begin, end func() error
		says       []string
	}{
		{"the server is killed", f.ganesha, manyCopied / 2, nfs("kill"), nfs("start"), nil},
		{
			"the share is filled", full, manyCopied,
			server(fillUp), server(makeRoom), []string{"no space left on device"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := s.with(t)
			k := c.on.class(s.unique("clone-"+c.on.share), map[string]string{"onDelete": "delete"})
			s.makeClass(k)
			source, clone := "source-"+c.on.share, "clone-"+c.on.share
			s.makeClaim(claim(source, k.Name))
			place := inside(c.on, s.bound(source))
			// As the user that root is to the server, which alone can keep its owner.
			c.on.look(s, makeMany(place, c.files)+"; chown -R 65534:65534 .")
			volume := "pvc-" + string(s.makeClaim(cloned(clone, source, k.Name)).UID)
			s.copyingIn(".nfs-provisioner/clones", volume, c.on.run)
			if err := c.begin(); err != nil {
				t.Fatal(err)
			}
			if c.says != nil {
				s.expectEvent(clone, s.namespace, c.says...)
			}
			if got := s.claim(clone); got.Status.Phase != v1.ClaimPending {
				t.Errorf("the claim is %s: it came too late", got.Status.Phase)
			}
			if err := c.end(); err != nil {
				t.Fatal(err)
			}
			well := time.Now()
			pv := s.bound(clone)
			t.Logf("the clone is bound %v after its share was well again", time.Since(well).Round(time.Second/10))
			list := func(place string) string {
				return c.on.look(s, "cd "+place+" && find . -type f | sort | xargs md5sum")
			}
			got, want := list(inside(c.on, pv)), list(place)
			if number := strings.Count(want, "\n") + 1; number != c.files {
				t.Errorf("the source holds %d files", number)
			}
			if got != want {
				t.Errorf("the clone is another one:\n%s", difference(want, got))
			}
			s.deleteClaim(clone)
			s.deleteClaim(source)
		})
	}
}

// inside is where a volume is in its place.
func inside(on place, pv *v1.PersistentVolume) string {
	return strings.TrimPrefix(pv.Spec.NFS.Path, on.path+"/")
}
