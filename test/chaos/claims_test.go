//go:build e2e

package chaos

import (
	"context"
	"fmt"
	"strconv"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
)

// liveAll lives the lives of one slot, one after the other.
func (r *run) liveAll(ctx context.Context, lives []Life) {
	for _, l := range lives {
		if !l.AtOnce {
			r.sleep(ctx, l.Start-time.Since(r.began))
		}
		if err := r.live(ctx, l); err != nil {
			r.Errorf("life %d of claim %s (class %s): %v [%v]", l.ID, l.Claim(), l.Class.Name, err, r.options)
			return
		}
	}
}

// live makes the claim of a life, has its volume inspected, and deletes it.
func (r *run) live(ctx context.Context, l Life) error {
	uid, err := r.makeClaim(ctx, l)
	if err != nil {
		return fmt.Errorf("make the claim: %w", err)
	}
	made := time.Now()
	f := Fate{Life: l, UID: uid}
	r.note(f)
	if l.Ending == DeletedEarly {
		r.sleep(ctx, l.Keep)
		return r.deleteClaim(ctx, f)
	}
	err = r.census.await(ctx, uid, func(c v1.PersistentVolumeClaim, thereIs bool) bool {
		return thereIs && c.Status.Phase == v1.ClaimBound
	})
	if err != nil {
		return fmt.Errorf("claim Bound: %w", err)
	}
	r.mu.Lock()
	r.delays = append(r.delays, time.Since(made))
	r.mu.Unlock()
	c := NewCanary(r.options, l, uid, f.volume())
	if err := r.releaseCanary(ctx, f, c); err != nil {
		return fmt.Errorf("release the canary: %w", err)
	}
	f.Canary = &c
	r.note(f)
	r.mu.Lock()
	r.watched[l.ID] = c
	r.mu.Unlock()
	if l.Ending == Stays {
		return nil
	}
	r.sleep(ctx, l.Keep)
	if l.Tenant {
		ask := Ask{Do: Plant, Share: l.Class.Share, Canaries: []Canary{c}}
		if err := r.insist(ctx, "plant-"+f.volume(), ask, nil); err != nil {
			return fmt.Errorf("plant symlinks: %w", err)
		}
	}
	r.mu.Lock()
	delete(r.watched, l.ID)
	r.mu.Unlock()
	if l.Ending == VolumeFirst {
		if err := r.deleteVolume(ctx, f.volume()); err != nil {
			return err
		}
	}
	if err := r.deleteClaim(ctx, f); err != nil {
		return err
	}
	if l.Ending == VolumeLast {
		return r.deleteVolume(ctx, f.volume())
	}
	return nil
}

func (r *run) note(f Fate) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fates[f.ID] = f
}

// lifeLabel says which life a claim is of, so that one whose creation was not
// answered is known again.
const lifeLabel = label + "/life"

func (r *run) makeClaim(ctx context.Context, l Life) (uid string, err error) {
	claim := &v1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{
			Name: l.Name, Namespace: l.Namespace,
			Labels: map[string]string{label: "true", "group": l.Group, lifeLabel: strconv.Itoa(l.ID)},
		},
		Spec: v1.PersistentVolumeClaimSpec{
			StorageClassName: &l.Class.Name,
			AccessModes:      []v1.PersistentVolumeAccessMode{v1.ReadWriteMany},
			Resources:        v1.VolumeResourceRequirements{Requests: v1.ResourceList{v1.ResourceStorage: resource.MustParse("1Gi")}},
		},
	}
	err = untilDone(ctx, func() error {
		made, err := r.client.CoreV1().PersistentVolumeClaims(l.Namespace).Create(ctx, claim, metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) {
			made, err = r.client.CoreV1().PersistentVolumeClaims(l.Namespace).Get(ctx, l.Name, metav1.GetOptions{})
			if err == nil && made.Labels[lifeLabel] != claim.Labels[lifeLabel] {
				err = fmt.Errorf("the claim of life %s is still there", made.Labels[lifeLabel])
			}
		}
		if err == nil {
			uid = string(made.UID)
		}
		return err
	})
	return uid, err
}

func (r *run) deleteClaim(ctx context.Context, f Fate) error {
	f.Deleted = true
	r.note(f)
	uid := types.UID(f.UID)
	err := untilDone(ctx, func() error {
		err := r.client.CoreV1().PersistentVolumeClaims(f.Namespace).Delete(ctx, f.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}})
		if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
			return nil // an earlier request did it, and was not answered
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("delete the claim: %w", err)
	}
	return nil
}

func (r *run) deleteVolume(ctx context.Context, name string) error {
	err := untilDone(ctx, func() error {
		err := r.client.CoreV1().PersistentVolumes().Delete(ctx, name, metav1.DeleteOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("delete volume %s: %w", name, err)
	}
	return nil
}

// releaseCanary puts the canary into a volume that nobody has used yet.
func (r *run) releaseCanary(ctx context.Context, f Fate, c Canary) error {
	var seen Sighting
	ask := Ask{Do: Release, Share: f.Class.Share, Canaries: []Canary{c}}
	if err := r.insist(ctx, "release-"+c.Volume, ask, &seen); err != nil {
		return err
	}
	if seen.State == Changed {
		r.violate(Violation{Claim: f.Claim(), Volume: c.Volume, Place: f.Class.Share + ":" + c.Directory, What: fmt.Sprintf("canary says %q before it was written", seen.Content)})
	}
	if stranger, found := r.stranger(f, seen); found {
		r.violate(Violation{Claim: f.Claim(), Volume: c.Volume, Place: f.Class.Share + ":" + c.Directory, What: "new volume holds data of volume " + stranger})
	}
	return nil
}

// insist asks the inspector until the server lets it do what it is asked.
func (r *run) insist(ctx context.Context, name string, a Ask, result any) error {
	return untilDone(ctx, func() error { return r.inspector.ask(ctx, name, a, result) })
}

// untilDone tries until there is no error; servers come and go here.
func untilDone(ctx context.Context, try func() error) error {
	var last error
	err := wait.PollUntilContextCancel(ctx, interval, true, func(context.Context) (bool, error) {
		last = try()
		return last == nil, nil
	})
	if err != nil {
		return fmt.Errorf("%w; the last try: %w", err, last)
	}
	return nil
}
