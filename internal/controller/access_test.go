package controller

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clientgotesting "k8s.io/client-go/testing"
)

// allow makes a client's API server grant what judge says.
func allow(client *fake.Clientset, judge func(*authorizationv1.ResourceAttributes) bool) {
	client.PrependReactor("create", "selfsubjectaccessreviews", func(action clientgotesting.Action) (bool, runtime.Object, error) {
		review := action.(clientgotesting.CreateAction).GetObject().(*authorizationv1.SelfSubjectAccessReview).DeepCopy()
		review.Status.Allowed = judge(review.Spec.ResourceAttributes)
		return true, review, nil
	})
}

func TestCheckAccessIsContentWithAllPermissions(t *testing.T) {
	client := fake.NewClientset()
	allow(client, func(*authorizationv1.ResourceAttributes) bool { return true })
	if err := checkAccess(t.Context(), client, valid()); err != nil {
		t.Error(err)
	}
}

func TestCheckAccessNamesWhatIsMissing(t *testing.T) {
	for name, c := range map[string]struct {
		missing func(*authorizationv1.ResourceAttributes) bool
		want    []string
	}{
		"volumes": {
			func(a *authorizationv1.ResourceAttributes) bool {
				return a.Resource == "persistentvolumes" && (a.Verb == "patch" || a.Verb == "delete")
			},
			[]string{"[patch delete] persistentvolumes in the whole cluster"},
		},
		"lease": {
			func(a *authorizationv1.ResourceAttributes) bool { return a.Resource == "leases" && a.Verb == "update" },
			[]string{`[update] leases.coordination.k8s.io "cluster.local-nfs" in namespace "default"`},
		},
		"identity of the cluster": {
			func(a *authorizationv1.ResourceAttributes) bool { return a.Resource == "namespaces" },
			[]string{`[get] namespaces "kube-system"`},
		},
		"a part of an object": {
			func(a *authorizationv1.ResourceAttributes) bool { return a.Subresource == "status" },
			[]string{"[patch] persistentvolumeclaims/status in the whole cluster"},
		},
		"two": {
			func(a *authorizationv1.ResourceAttributes) bool {
				return a.Resource == "events" || a.Resource == "storageclasses"
			},
			[]string{"[create patch] events", "[list watch] storageclasses.storage.k8s.io"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			client := fake.NewClientset()
			allow(client, func(a *authorizationv1.ResourceAttributes) bool { return !c.missing(a) })
			err := checkAccess(t.Context(), client, valid())
			expectWords(t, err, append(c.want, "service account")...)
			if !errors.Is(err, ErrNoPermission) || strings.Count(err.Error(), "\n")+1 != len(c.want) {
				t.Errorf("want %d lines of ErrNoPermission:\n%v", len(c.want), err)
			}
		})
	}
}

func TestCheckAccessAsksForNoLeaseThatIsNotUsed(t *testing.T) {
	client, c := fake.NewClientset(), valid()
	allow(client, func(a *authorizationv1.ResourceAttributes) bool { return a.Resource != "leases" })
	c.LeaderElect = false
	if err := checkAccess(t.Context(), client, c); err != nil {
		t.Error(err)
	}
}

func TestCheckAccessTellsAnAPIServerThatDoesNotAnswer(t *testing.T) {
	client, away := fake.NewClientset(), errors.New("connection refused")
	client.PrependReactor("create", "selfsubjectaccessreviews", func(clientgotesting.Action) (bool, runtime.Object, error) { return true, nil, away })
	err := checkAccess(t.Context(), client, valid())
	if !errors.Is(err, away) || errors.Is(err, ErrNoPermission) {
		t.Errorf("got %v", err)
	}
}

func TestAnAPIServerThatIsAwayIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := fake.NewClientset(&v1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: metav1.NamespaceSystem, UID: "cluster-1"}})
		allow(client, func(*authorizationv1.ResourceAttributes) bool { return true })
		start := time.Now()
		client.PrependReactor("create", "selfsubjectaccessreviews", func(clientgotesting.Action) (bool, runtime.Object, error) {
			return time.Since(start) < 3*apiRetry, nil, errors.New("connection refused")
		})
		r := &runner{Config: valid(), clients: clients{main: client}}
		if err := r.awaitAPI(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != 3*apiRetry || r.cluster != "cluster-1" {
			t.Errorf("after %v the cluster is %q", took, r.cluster)
		}
	})
}
