package expand

import (
	"slices"

	v1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Wanted says whether a claim asks for more than it has. Of such a claim the
// status and what it asks for are read, of others neither.
func Wanted(claim *v1.PersistentVolumeClaim) bool {
	if claim.Spec.VolumeName == "" || claim.Status.Phase != v1.ClaimBound {
		return false
	}
	asked, has := claim.Spec.Resources.Requests[v1.ResourceStorage], claim.Status.Capacity[v1.ResourceStorage]
	return asked.Cmp(has) > 0
}

// told says whether a claim has changed, but not in what it asks for and has. That
// is how our own patches are seen. Whoever made one looks again when it is time:
// of a refusal, say, there may be other numbers at once, and at once again.
func told(was any, claim *v1.PersistentVolumeClaim) bool {
	before, ok := was.(*v1.PersistentVolumeClaim)
	return ok && before.ResourceVersion != claim.ResourceVersion && before.UID == claim.UID && Wanted(before) &&
		before.Spec.VolumeName == claim.Spec.VolumeName &&
		apiequality.Semantic.DeepEqual(before.Spec.Resources.Requests, claim.Spec.Resources.Requests) &&
		apiequality.Semantic.DeepEqual(before.Status.Capacity, claim.Status.Capacity)
}

// goal is the size that a claim is to have: what it asks for or, if its volume
// has come to more than that by an earlier expansion, what the volume has.
// Volumes do not shrink.
func goal(claim *v1.PersistentVolumeClaim, volume *v1.PersistentVolume) resource.Quantity {
	asked, has := claim.Spec.Resources.Requests[v1.ResourceStorage], volume.Spec.Capacity[v1.ResourceStorage]
	if asked.Cmp(has) > 0 {
		return asked
	}
	return has
}

// status is the status of a claim's expansion to a size, "" for none.
func status(claim *v1.PersistentVolumeClaim, size resource.Quantity) v1.ClaimResourceStatus {
	allocated, ok := claim.Status.AllocatedResources[v1.ResourceStorage]
	if !ok || allocated.Cmp(size) != 0 {
		return ""
	}
	return claim.Status.AllocatedResourceStatuses[v1.ResourceStorage]
}

// resizing are the conditions that tell of expansions.
var resizing = []v1.PersistentVolumeClaimConditionType{
	v1.PersistentVolumeClaimResizing, v1.PersistentVolumeClaimFileSystemResizePending,
	v1.PersistentVolumeClaimControllerResizeError, v1.PersistentVolumeClaimNodeResizeError,
}

// begun is a claim whose expansion is under way.
func begun(claim *v1.PersistentVolumeClaim, size resource.Quantity) *v1.PersistentVolumeClaim {
	return marked(claim, size, v1.PersistentVolumeClaimControllerResizeInProgress, v1.PersistentVolumeClaimCondition{
		Type: v1.PersistentVolumeClaimResizing,
	})
}

// refused is a claim whose expansion cannot be. It may be edited to ask for less.
func refused(claim *v1.PersistentVolumeClaim, size resource.Quantity, reason error) *v1.PersistentVolumeClaim {
	return blamed(claim, size, v1.PersistentVolumeClaimControllerResizeInfeasible, reason)
}

// stuck is a claim whose expansion goes on when somebody has mended what is wrong.
// One that was refused stays so: nothing has been found out about its size.
func stuck(claim *v1.PersistentVolumeClaim, size resource.Quantity, reason error) *v1.PersistentVolumeClaim {
	now := v1.PersistentVolumeClaimControllerResizeInProgress
	if known := status(claim, size); known == v1.PersistentVolumeClaimControllerResizeInfeasible {
		now = known
	}
	return blamed(claim, size, now, reason)
}

func blamed(claim *v1.PersistentVolumeClaim, size resource.Quantity, status v1.ClaimResourceStatus, reason error) *v1.PersistentVolumeClaim {
	return marked(claim, size, status, v1.PersistentVolumeClaimCondition{
		Type: v1.PersistentVolumeClaimResizing,
	}, v1.PersistentVolumeClaimCondition{
		Type: v1.PersistentVolumeClaimControllerResizeError, Message: reason.Error(),
	})
}

// says whether a claim has been told just that of its expansion.
func says(claim *v1.PersistentVolumeClaim, reason error) bool {
	return slices.ContainsFunc(claim.Status.Conditions, func(c v1.PersistentVolumeClaimCondition) bool {
		return c.Type == v1.PersistentVolumeClaimControllerResizeError && c.Status == v1.ConditionTrue && c.Message == reason.Error()
	})
}

func marked(claim *v1.PersistentVolumeClaim, size resource.Quantity, status v1.ClaimResourceStatus, conditions ...v1.PersistentVolumeClaimCondition) *v1.PersistentVolumeClaim {
	now := claim.DeepCopy()
	if now.Status.AllocatedResources == nil {
		now.Status.AllocatedResources = v1.ResourceList{}
	}
	now.Status.AllocatedResources[v1.ResourceStorage] = size
	if now.Status.AllocatedResourceStatuses == nil {
		now.Status.AllocatedResourceStatuses = map[v1.ResourceName]v1.ClaimResourceStatus{}
	}
	now.Status.AllocatedResourceStatuses[v1.ResourceStorage] = status
	now.Status.Conditions = replaced(claim.Status.Conditions, conditions...)
	return now
}

// finished is a claim that has the size.
func finished(claim *v1.PersistentVolumeClaim, size resource.Quantity) *v1.PersistentVolumeClaim {
	now := claim.DeepCopy()
	if now.Status.Capacity == nil {
		now.Status.Capacity = v1.ResourceList{}
	}
	now.Status.Capacity[v1.ResourceStorage] = size
	delete(now.Status.AllocatedResourceStatuses, v1.ResourceStorage)
	now.Status.Conditions = replaced(claim.Status.Conditions)
	return now
}

// replaced are conditions with others in place of those that tell of expansions.
// One that was true before has been since then.
func replaced(conditions []v1.PersistentVolumeClaimCondition, by ...v1.PersistentVolumeClaimCondition) []v1.PersistentVolumeClaimCondition {
	all := slices.DeleteFunc(slices.Clone(conditions), func(c v1.PersistentVolumeClaimCondition) bool { return slices.Contains(resizing, c.Type) })
	for _, c := range by {
		c.Status, c.LastTransitionTime = v1.ConditionTrue, metav1.Now()
		for _, was := range conditions {
			if was.Type == c.Type && was.Status == c.Status {
				c.LastTransitionTime = was.LastTransitionTime
			}
		}
		all = append(all, c)
	}
	return all
}
