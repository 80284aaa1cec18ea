//go:build e2e

package chaos

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// errMissed: there was nothing to break just then.
var errMissed = errors.New("there was nobody to hit")

// breakThings lets the faults of one lane happen, one after the other.
func (r *run) breakThings(ctx context.Context, lane []Fault) {
	for _, f := range lane {
		r.wait(ctx, f.At-time.Since(r.began))
		if ctx.Err() != nil || time.Since(r.began) > r.options.Duration {
			return
		}
		lift, err := r.begin(ctx, f.Kind)
		r.tell("fault: %s, for %v", f.Kind, f.Length)
		if err == nil && f.Length > 0 {
			r.wait(ctx, f.Length)
			err = r.lift(ctx, lift)
			r.tell("fault over: %s", f.Kind)
		}
		switch {
		case errors.Is(err, errMissed):
			r.tell("fault: %s: %v", f.Kind, err)
		case err != nil:
			r.Errorf("%s fault: %s: %v [%v]", r.at(), f.Kind, err, r.options)
		default:
			r.mu.Lock()
			r.done[f.Kind]++
			r.mu.Unlock()
		}
	}
}

// liftTime is how long it may take to lift a fault, or all of them: far more than
// it does.
const liftTime = 2 * time.Minute

// lift lifts a fault, even after the end of the run.
func (r *run) lift(ctx context.Context, fault func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), liftTime, fmt.Errorf("it could not be lifted within %v", liftTime))
	defer cancel()
	err := fault(ctx)
	if err != nil && ctx.Err() != nil {
		err = errors.Join(context.Cause(ctx), err)
	}
	return err
}

func (r *run) wait(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// begin begins a fault and says how to lift it.
func (r *run) begin(ctx context.Context, k Kind) (lift func(context.Context) error, err error) {
	nothing := func(context.Context) error { return nil }
	switch k {
	case KillLeader:
		return nothing, r.signalLeader(ctx, "KILL")
	case KillAll:
		return nothing, r.signalAll(ctx, "KILL")
	case FreezeLeader:
		leader, leads, _ := r.replicas.now()
		if !leads {
			return nil, errMissed
		}
		return func(ctx context.Context) error {
			err := r.signal(ctx, "CONT", leader)
			if errors.Is(err, errMissed) {
				return nil // it was killed meanwhile
			}
			return err
		}, r.signal(ctx, "STOP", leader)
	case DeleteLeader, EvictLeader:
		leader, leads, _ := r.replicas.now()
		if !leads {
			return nil, errMissed
		}
		return nothing, r.deletePod(ctx, leader.Name, k == EvictLeader)
	case DeleteFollower:
		leader, _, all := r.replicas.now()
		for name := range all {
			if name != leader.Name {
				return nothing, r.deletePod(ctx, name, false)
			}
		}
		return nil, errMissed
	case Rollout:
		return nothing, r.rollout(ctx)
	case GaneshaKilled:
		return r.control("nfs", "start"), r.control("nfs", "kill")(ctx)
	case GaneshaStopped:
		return r.control("nfs", "start"), r.control("nfs", "stop")(ctx)
	case GaneshaFrozen:
		return r.control("nfs", "continue"), r.control("nfs", "pause")(ctx)
	case APIFrozen:
		return r.control("api", "continue"), r.control("api", "pause")(ctx)
	case APIKilled:
		return r.control("api", "start"), r.control("api", "kill")(ctx)
	case NFSDStopped:
		return r.onServer(nfsdStart), r.onServer("rpc.nfsd 0")(ctx)
	case ExportRemoved:
		return r.onServer("exportfs -ra"), r.onServer("exportfs -u '*:EXPORT'; exportfs -f")(ctx)
	case ExportReadOnly:
		return r.onServer("exportfs -ra"), r.onServer("exportfs -i -o ro,sync,no_subtree_check,no_root_squash '*:EXPORT'")(ctx)
	case ShareFull:
		return r.onServer(empty), r.onServer(fill)(ctx)
	}
	return nil, fmt.Errorf("%q is no fault", k)
}

// calm lifts every fault that may be left.
func (r *run) calm() error {
	ctx, cancel := context.WithTimeout(context.Background(), liftTime)
	defer cancel()
	problems := []error{
		r.control("api", "start")(ctx), r.control("nfs", "start")(ctx),
		r.onServer(empty)(ctx), r.onServer(nfsdStart)(ctx), r.onServer("exportfs -ra")(ctx),
	}
	if err := r.signalAll(ctx, "CONT"); !errors.Is(err, errMissed) {
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

func (r *run) control(arguments ...string) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := r.cluster.do(ctx, arguments...)
		return err
	}
}

// Scripts for the node that runs the kernel's NFS server. To fill its file
// system, pieces are taken that get smaller and smaller.
const (
	nfsdStart = `[ "$(cat /proc/fs/nfsd/threads)" -gt 0 ] || rpc.nfsd`
	fill      = `n=0; for size in 1G 128M 16M 1M 64K 4K; do while fallocate -l $size /srv/nfs/fill.$n 2>/dev/null; do n=$((n+1)); done; n=$((n+1)); done; :`
	empty     = `rm -f /srv/nfs/fill.*`
)

// onServer runs a script on the node that runs the kernel's NFS server.
func (r *run) onServer(script string) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := r.cluster.on(ctx, r.server, strings.ReplaceAll(script, "EXPORT", r.shares[Kernel].path))
		return err
	}
}

func (r *run) signalLeader(ctx context.Context, signal string) error {
	leader, leads, _ := r.replicas.now()
	if !leads {
		return errMissed
	}
	return r.signal(ctx, signal, leader)
}

func (r *run) signalAll(ctx context.Context, signal string) error {
	_, _, all := r.replicas.now()
	result := errMissed
	for _, pod := range all {
		if err := r.signal(ctx, signal, pod); err == nil {
			result = nil
		} else if !errors.Is(err, errMissed) {
			return err
		}
	}
	return result
}

// signal sends a signal to the provisioner of one pod and no other, from its
// node: a pod that could do that would have to be started first.
func (r *run) signal(ctx context.Context, signal string, pod v1.Pod) error {
	const nobody = 9
	script := fmt.Sprintf(`for p in $(pidof nfs-provisioner); do
if tr '\0' '\n' < /proc/$p/environ | grep -qx HOSTNAME=%s; then kill -%s $p && exit 0; fi; done; exit %d`, pod.Name, signal, nobody)
	if pod.Spec.NodeName == "" {
		return errMissed
	}
	_, err := r.cluster.on(ctx, pod.Spec.NodeName, script)
	if exitCode(err) == nobody {
		return errMissed
	}
	return err
}

func (r *run) deletePod(ctx context.Context, name string, atOnce bool) error {
	options := metav1.DeleteOptions{}
	if atOnce {
		options = *metav1.NewDeleteOptions(0)
	}
	return r.unlessAway(r.client.CoreV1().Pods(home).Delete(ctx, name, options))
}

func (r *run) rollout(ctx context.Context) error {
	patch := fmt.Sprintf(`{"spec":{"template":{"metadata":{"annotations":{%q:%q}}}}}`, label+"/restarted", time.Now().Format(time.RFC3339Nano))
	_, err := r.client.AppsV1().Deployments(home).Patch(ctx, release+"-nfs-provisioner", types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{})
	return r.unlessAway(err)
}

// unlessAway turns every error into errMissed: the API server may be away by
// another fault, and what was to be deleted may be gone.
func (r *run) unlessAway(err error) error {
	if err != nil {
		return fmt.Errorf("%w: %w", errMissed, err)
	}
	return nil
}

// hostOf is the pod in the identity of a holder of the lease.
func hostOf(identity string) string {
	host, _, _ := strings.Cut(identity, "_")
	return host
}
