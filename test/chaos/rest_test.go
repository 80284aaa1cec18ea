//go:build e2e

package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// rest waits until the API and the shares are as they must be, and returns
// what is not when the time is over.
func (r *run) rest(ctx context.Context) []Violation {
	r.mu.Lock()
	var fates []Fate
	for _, f := range r.fates {
		fates = append(fates, f)
	}
	r.mu.Unlock()
	slices.SortFunc(fates, func(a, b Fate) int { return a.ID - b.ID })
	var violations []Violation
	for round := 0; ; round++ {
		w, err := r.world(ctx)
		if err == nil {
			violations = Compare(fates, World{Claims: w.Claims, Volumes: w.Volumes})
		}
		// To list a share takes long; before the API is at rest it is of no use.
		if err == nil && (len(violations) == 0 || ctx.Err() != nil) {
			violations, err = r.compare(context.WithoutCancel(ctx), round, fates, w)
		}
		if err == nil && len(violations) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
			defer cancel()
			if w, err = r.world(last); err == nil {
				violations, err = r.compare(last, round+1, fates, w)
			}
			if err != nil {
				r.Errorf("compare with the shares: %v", err)
			}
			return violations
		case <-time.After(time.Second):
		}
	}
}

func (r *run) compare(ctx context.Context, round int, fates []Fate, w World) ([]Violation, error) {
	var err error
	if w.Shares, err = r.list(ctx, round); err != nil {
		return nil, err
	}
	return Compare(fates, w), nil
}

// world is what the API server says, past all caches.
func (r *run) world(ctx context.Context) (w World, err error) {
	claims, err := r.client.CoreV1().PersistentVolumeClaims("").List(ctx, metav1.ListOptions{LabelSelector: label})
	if err != nil {
		return w, err
	}
	for _, c := range claims.Items {
		w.Claims = append(w.Claims, ClaimFound{Name: c.Namespace + "/" + c.Name, UID: string(c.UID), Phase: string(c.Status.Phase), Volume: c.Spec.VolumeName})
	}
	volumes, err := r.client.CoreV1().PersistentVolumes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return w, err
	}
	for _, v := range volumes.Items {
		if v.Annotations[provisionedBy] != provisioner {
			continue
		}
		found := VolumeFound{Name: v.Name, Phase: string(v.Status.Phase)}
		if v.Spec.ClaimRef != nil {
			found.ClaimUID = string(v.Spec.ClaimRef.UID)
		}
		for name, e := range r.shares {
			if below, ok := strings.CutPrefix(v.Spec.NFS.Path, e.path+"/"+Folder+"/"); ok && v.Spec.NFS.Server == e.server {
				found.Share, found.Directory = name, below
			}
		}
		w.Volumes = append(w.Volumes, found)
	}
	return w, nil
}

// list lists both shares.
func (r *run) list(ctx context.Context, round int) (map[string]Listing, error) {
	type answer struct {
		share   string
		listing Listing
		err     error
	}
	answers := make(chan answer)
	for share := range r.shares {
		go func() {
			a := answer{share: share}
			a.err = r.inspector.ask(ctx, fmt.Sprintf("list-%s-%d", share, round), Ask{Do: List, Share: share}, &a.listing)
			answers <- a
		}()
	}
	listings := map[string]Listing{}
	var problems []error
	for range r.shares {
		a := <-answers
		listings[a.share] = a.listing
		problems = append(problems, a.err)
	}
	return listings, errors.Join(problems...)
}

// report says what was done and measured.
func (r *run) report() {
	r.mu.Lock()
	defer r.mu.Unlock()
	made, deleted, canaries := 0, 0, 0
	for _, f := range r.fates {
		if f.UID != "" {
			made++
		}
		if f.Deleted {
			deleted++
		}
		if f.Canary != nil {
			canaries++
		}
	}
	r.Logf("claims: %d planned, %d made, %d seen Bound, %d deleted; %d canaries released, read %d times, away for a moment %d times",
		r.options.Claims, made, len(r.delays), deleted, canaries, r.sightings, r.blinks)
	slices.Sort(r.delays)
	if n := len(r.delays); n > 0 {
		r.Logf("claim to Bound: p50 %v, p90 %v, p99 %v, most %v", round(r.delays[n/2]), round(r.delays[n*9/10]), round(r.delays[n*99/100]), round(r.delays[n-1]))
	}
	faults := 0
	for _, lane := range lanes() {
		for _, s := range lane.kinds {
			if n, ok := r.done[s.kind]; ok {
				r.Logf("fault: %3d times %s", n, s.kind)
				faults += n
				delete(r.done, s.kind)
			}
		}
	}
	r.Logf("%d faults in %v; %v", faults, r.options.Duration, r.options)
}

func round(d time.Duration) time.Duration { return d.Round(10 * time.Millisecond) }

// explain shows what a person would look at after a failure.
func (r *run) explain() {
	ctx := context.WithoutCancel(r.Context())
	for _, look := range [][]string{
		{"get", "pods,leases", "--namespace", home, "-o", "wide"},
		{"get", "persistentvolumeclaims", "--all-namespaces", "--selector", label},
		{"get", "persistentvolumes"},
		{"get", "events", "--all-namespaces", "--sort-by", ".lastTimestamp", "--field-selector", "type=Warning"},
	} {
		text, err := command(ctx, "kubectl", look...)
		const most = 20000
		r.Logf("kubectl %s: %v\n%s", strings.Join(look, " "), err, text[max(0, len(text)-most):])
	}
}
