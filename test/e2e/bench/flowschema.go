package main

import (
	"context"
	"fmt"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A counted kind of request has a FlowSchema of its own that matches the account
// alone. So the API server's own metrics count what the account asks for, apart
// from everybody else, and by what it is about.
type counted struct {
	name      string
	group     string
	resources []string
}

// Events are counted as requests. The lease is not: it is renewed however many
// claims there are.
var countedKinds = []counted{
	{"volumes", "", []string{"persistentvolumes"}},
	{"claims", "", []string{"persistentvolumeclaims"}},
	{"events", "", []string{"events"}},
	{"lease", "coordination.k8s.io", []string{"leases"}},
	{"rest", flowcontrolv1.APIGroupAll, []string{flowcontrolv1.ResourceAll}},
}

func (c counted) flowSchema() string { return "bench-" + c.name }

// makeFlowSchemas begins the counting. The requests get the priority that they
// have without it.
func (b *bench) makeFlowSchemas(ctx context.Context) error {
	const first = 1000 // of those that any cluster has, service-accounts is at 9000
	for i, c := range countedKinds {
		_, err := b.client.FlowcontrolV1().FlowSchemas().Create(ctx, &flowcontrolv1.FlowSchema{
			ObjectMeta: metav1.ObjectMeta{Name: c.flowSchema()},
			Spec: flowcontrolv1.FlowSchemaSpec{
				PriorityLevelConfiguration: flowcontrolv1.PriorityLevelConfigurationReference{Name: "workload-low"},
				MatchingPrecedence:         int32(first + i), //nolint:gosec // a few
				DistinguisherMethod:        &flowcontrolv1.FlowDistinguisherMethod{Type: flowcontrolv1.FlowDistinguisherMethodByUserType},
				Rules: []flowcontrolv1.PolicyRulesWithSubjects{{
					Subjects: []flowcontrolv1.Subject{{
						Kind:           flowcontrolv1.SubjectKindServiceAccount,
						ServiceAccount: &flowcontrolv1.ServiceAccountSubject{Namespace: namespace, Name: account},
					}},
					ResourceRules: []flowcontrolv1.ResourcePolicyRule{{
						Verbs: []string{flowcontrolv1.VerbAll}, APIGroups: []string{c.group}, Resources: c.resources,
						ClusterScope: true, Namespaces: []string{flowcontrolv1.NamespaceEvery},
					}},
				}},
			},
		}, metav1.CreateOptions{})
		if err != nil {
			return fmt.Errorf("count requests: %w", err)
		}
	}
	return nil
}

func (b *bench) removeFlowSchemas(ctx context.Context) error {
	for _, c := range countedKinds {
		err := b.client.FlowcontrolV1().FlowSchemas().Delete(ctx, c.flowSchema(), metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return nil
}
