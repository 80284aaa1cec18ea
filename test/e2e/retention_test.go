//go:build e2e

package e2e

import (
	"fmt"
	"testing"
	"time"
)

func TestArchiveGoesAtTheAgeItsClassSays(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	on := under.squashed()
	const retention = 15 * time.Second
	archives := map[string]string{}
	for name, parameters := range map[string]map[string]string{"for-ever": nil, "for-a-while": {"archiveRetention": retention.String()}} {
		k := class(s.unique(name), on, merge(parameters, map[string]string{"onDelete": "archive", "pathPattern": byItsName}))
		s.makeClass(k)
		s.makeClaim(claim(name, k.Name))
		pv := s.bound(name)
		s.look(on, "echo precious > "+directory(on, pv)+"/file")
		s.dropClass(k.Name) // the volume remembers
		archives[name] = fmt.Sprintf("%s/archived-%s/%s-%s", inspectorRoot, s.namespace, name, pv.Name)
	}
	s.deleteClaim("for-ever")
	archived := time.Now()
	s.deleteClaim("for-a-while")
	for name, archive := range archives {
		if got := s.look(on, "cat "+archive+"/file"); got != "precious" {
			t.Errorf("the archive %s holds %q", name, got)
		}
	}
	s.eventuallyGone(on, archives["for-a-while"])
	age := time.Since(archived)
	t.Logf("the archive is gone after %v", age.Round(time.Second/10))
	if age < retention-time.Second { // records have whole seconds
		t.Errorf("the archive is gone after %v, and was to be kept for %v", age, retention)
	}
	if got := s.look(on, "cat "+archives["for-ever"]+"/file"); got != "precious" {
		t.Errorf("the other archive holds %q", got)
	}
}
