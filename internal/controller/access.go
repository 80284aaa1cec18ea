package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// ErrNoPermission says that the API server does not let us do what we need to.
var ErrNoPermission = errors.New("a permission is missing in the API")

// permission is something that we do with a resource.
type permission struct {
	group, resource, subresource, namespace, name string
	verbs                                         []string
}

func (c Config) permissions() []permission {
	all := []permission{
		{resource: "persistentvolumes", verbs: []string{"get", "list", "watch", "create", "patch", "delete"}},
		{resource: "persistentvolumeclaims", verbs: []string{"get", "list", "watch"}},
		{resource: "persistentvolumeclaims", subresource: "status", verbs: []string{"patch"}},
		{group: "storage.k8s.io", resource: "storageclasses", verbs: []string{"list", "watch"}},
		{resource: "namespaces", name: metav1.NamespaceSystem, verbs: []string{"get"}},
		{resource: "events", verbs: []string{"create", "patch"}},
	}
	if c.LeaderElect {
		const group, leases = "coordination.k8s.io", "leases"
		all = append(all,
			permission{group: group, resource: leases, namespace: c.LeaseNamespace, verbs: []string{"create"}},
			permission{group: group, resource: leases, namespace: c.LeaseNamespace, name: c.LeaseName, verbs: []string{"get", "update"}},
		)
	}
	return all
}

// checkAccess asks the API server about every permission that is needed, all at
// once, and reports each missing one in a sentence of its own.
func checkAccess(ctx context.Context, client kubernetes.Interface, c Config) error {
	permissions := c.permissions()
	problems := make([]error, len(permissions))
	var group sync.WaitGroup
	for i, p := range permissions {
		group.Go(func() { problems[i] = p.check(ctx, client) })
	}
	group.Wait()
	for _, problem := range problems {
		if problem != nil && !errors.Is(problem, ErrNoPermission) {
			return problem // the others may have failed for the same reason
		}
	}
	return errors.Join(problems...)
}

func (p permission) check(ctx context.Context, client kubernetes.Interface) error {
	var missing []string
	for _, verb := range p.verbs {
		review, err := client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
			Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
				Verb: verb, Group: p.group, Resource: p.resource, Subresource: p.subresource, Namespace: p.namespace, Name: p.name,
			}},
		}, metav1.CreateOptions{})
		if err != nil {
			return fmt.Errorf("ask the API server for our permissions: %w", err)
		}
		if !review.Status.Allowed {
			missing = append(missing, verb)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%w: %s; give the service account a role with it", ErrNoPermission, p.describe(missing))
	}
	return nil
}

func (p permission) describe(verbs []string) string {
	resource := p.resource
	if p.subresource != "" {
		resource += "/" + p.subresource
	}
	if p.group != "" {
		resource += "." + p.group
	}
	text := fmt.Sprintf("%v %s", slices.Compact(verbs), resource)
	if p.name != "" {
		text += fmt.Sprintf(" %q", p.name)
	}
	if p.namespace != "" {
		return text + fmt.Sprintf(" in namespace %q", p.namespace)
	}
	return text + " in the whole cluster"
}
