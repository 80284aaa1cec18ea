package loops

import (
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// Grown is the size that claims ask for that are to grow.
func Grown() resource.Quantity { return resource.MustParse("20Gi") }

// Grows says whether a bound claim asks for more than it has.
func Grows(c *v1.PersistentVolumeClaim) bool {
	asked, has := c.Spec.Resources.Requests[v1.ResourceStorage], c.Status.Capacity[v1.ResourceStorage]
	return c.Status.Phase == v1.ClaimBound && asked.Cmp(has) > 0
}
