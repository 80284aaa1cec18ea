package controller

import (
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/cache"
)

// watchedClaims is the informer of claims as the library gets it: it hears of
// those that wait for a volume of ours, and of no other. In a large cluster it
// would queue each claim at its start, and look at each several times while it
// is bound, before it came to one that waits.
type watchedClaims struct {
	cache.SharedIndexInformer
	serves func(*v1.PersistentVolumeClaim) bool
	audience
}

// AddEventHandlerWithResyncPeriod adds a handler that hears of what waits.
func (w watchedClaims) AddEventHandlerWithResyncPeriod(h cache.ResourceEventHandler, resync time.Duration) (cache.ResourceEventHandlerRegistration, error) {
	waits := func(object any) bool {
		claim, ok := shown(object).(*v1.PersistentVolumeClaim)
		return ok && claim.Spec.VolumeName == "" && w.serves(claim)
	}
	return w.listen(w.SharedIndexInformer, cache.FilteringResourceEventHandler{FilterFunc: waits, Handler: h}, resync)
}

// watchedVolumes is the informer of volumes as the library gets it: one that
// tells of volumes of ours alone, and of those that are at rest only when they are
// gone, and whose store nobody but the watch may write to. The library adds each
// volume that it has made, as it made it. When that comes late, after the watch has
// shown the volume Bound and Released or even gone, the cache would go on to say
// what was, and the volume would never be deleted.
type watchedVolumes struct {
	cache.SharedInformer
	owns func(*v1.PersistentVolume) bool
	audience
}

// AddEventHandlerWithResyncPeriod adds a handler that hears of what is ours.
func (w watchedVolumes) AddEventHandlerWithResyncPeriod(h cache.ResourceEventHandler, resync time.Duration) (cache.ResourceEventHandlerRegistration, error) {
	ours := func(object any) (volume *v1.PersistentVolume, ok bool) {
		volume, ok = shown(object).(*v1.PersistentVolume)
		return volume, ok && w.owns(volume)
	}
	// What has come to rest is no deletion, as it would be to a handler that filters.
	return w.listen(w.SharedInformer, cache.ResourceEventHandlerDetailedFuncs{
		AddFunc: func(o any, first bool) {
			if v, ok := ours(o); ok && moves(v) {
				h.OnAdd(o, first)
			}
		},
		UpdateFunc: func(was, is any) {
			if v, ok := ours(is); ok && moves(v) {
				h.OnUpdate(was, is)
			}
		},
		DeleteFunc: func(o any) {
			if _, ok := ours(o); ok {
				h.OnDelete(o)
			}
		},
	}, resync)
}

// protection is the library's finalizer of volumes that are deleted with their
// claims.
const protection = "external-provisioner.volume.kubernetes.io/finalizer"

// moves says whether the library may have something to do with a volume: delete it
// once it is Released, protect it once it is Bound, or protect it no more once it is
// retained. A volume of a burst is shown three times with nothing of that.
func moves(v *v1.PersistentVolume) bool {
	if v.DeletionTimestamp != nil || v.Spec.PersistentVolumeReclaimPolicy != v1.PersistentVolumeReclaimDelete {
		return true
	}
	switch v.Status.Phase {
	case "", v1.VolumePending, v1.VolumeAvailable:
		return false
	case v1.VolumeBound:
		return !slices.Contains(v.Finalizers, protection)
	default:
		return true
	}
}

func (w watchedVolumes) GetStore() cache.Store { return watchedStore{w.SharedInformer.GetStore()} }

// An audience is who hears of what an informer tells, in one handler.
type audience struct {
	first inTurn // hear of everything, before the library does
	// heard gets the library's handler, for whoever has an object looked at again, and
	// what tells when all that were there at first have been heard of.
	heard func(cache.ResourceEventHandler, cache.ResourceEventHandlerRegistration)
}

func (a audience) listen(to cache.SharedInformer, library cache.ResourceEventHandler, resync time.Duration) (cache.ResourceEventHandlerRegistration, error) {
	registration, err := to.AddEventHandlerWithResyncPeriod(append(a.first, library), resync)
	if err == nil {
		a.heard(library, registration)
	}
	return registration, err
}

// inTurn are handlers that hear of a change one after the other. An informer wakes
// two goroutines for each change and each handler that it has; of these, none takes
// long.
type inTurn []cache.ResourceEventHandler

var _ cache.ResourceEventHandler = inTurn{}

// OnAdd tells all of them.
func (all inTurn) OnAdd(object any, first bool) {
	for _, h := range all {
		h.OnAdd(object, first)
	}
}

// OnUpdate tells all of them.
func (all inTurn) OnUpdate(was, is any) {
	for _, h := range all {
		h.OnUpdate(was, is)
	}
}

// OnDelete tells all of them.
func (all inTurn) OnDelete(object any) {
	for _, h := range all {
		h.OnDelete(object)
	}
}

// shown is an object as it was shown last, if its end was missed.
func shown(object any) any {
	if last, ok := object.(cache.DeletedFinalStateUnknown); ok {
		return last.Obj
	}
	return object
}

type watchedStore struct{ cache.Store }

// Add does nothing. Until the watch shows the volume its claim may be
// provisioned once more, which ends the same.
func (watchedStore) Add(any) error { return nil }
