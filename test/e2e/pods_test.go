//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
)

// inspector is the pod that sees an export from its root, as a person on the
// NFS server would.
func (e export) inspector() string { return "inspect-" + e.share }

// makeStatic makes a claim, with a volume made by hand, for the root of an
// export.
func (s *suite) makeStatic(ctx context.Context, namespace, claim, volume string, e export, options ...string) error {
	none, size := "", v1.ResourceList{v1.ResourceStorage: resource.MustParse("1Gi")}
	modes := []v1.PersistentVolumeAccessMode{v1.ReadWriteMany}
	pv := &v1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: volume, Labels: map[string]string{label: "true"}},
		Spec: v1.PersistentVolumeSpec{
			Capacity: size, AccessModes: modes, MountOptions: options,
			PersistentVolumeReclaimPolicy: v1.PersistentVolumeReclaimRetain,
			ClaimRef:                      &v1.ObjectReference{Namespace: namespace, Name: claim},
			PersistentVolumeSource:        v1.PersistentVolumeSource{NFS: &v1.NFSVolumeSource{Server: e.server, Path: e.path}},
		},
	}
	if _, err := s.client.CoreV1().PersistentVolumes().Create(ctx, pv, metav1.CreateOptions{}); err != nil {
		return err
	}
	pvc := &v1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: claim},
		Spec: v1.PersistentVolumeClaimSpec{
			StorageClassName: &none, VolumeName: volume, AccessModes: modes,
			Resources: v1.VolumeResourceRequirements{Requests: size},
		},
	}
	_, err := s.client.CoreV1().PersistentVolumeClaims(namespace).Create(ctx, pvc, metav1.CreateOptions{})
	return err
}

// startInspector makes the pod, without client-side caching so that it sees
// what others do at once.
func (s *suite) startInspector(ctx context.Context, e export) error {
	name := e.inspector()
	if err := s.makeStatic(ctx, home, name, "e2e-"+name, e, "nfsvers=4.1", "noac", "lookupcache=none"); err != nil {
		return err
	}
	grace := int64(0)
	pod := &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1.PodSpec{
			TerminationGracePeriodSeconds: &grace,
			Containers: []v1.Container{{
				Name: "main", Image: s.testbox, ImagePullPolicy: v1.PullIfNotPresent,
				Command:      []string{"sh", "-c", forever},
				VolumeMounts: []v1.VolumeMount{{Name: "export", MountPath: inspectorRoot}},
			}},
			Volumes: []v1.Volume{{Name: "export", VolumeSource: v1.VolumeSource{
				PersistentVolumeClaim: &v1.PersistentVolumeClaimVolumeSource{ClaimName: name},
			}}},
		},
	}
	_, err := s.client.CoreV1().Pods(home).Create(ctx, pod, metav1.CreateOptions{})
	return err
}

func (s *suite) awaitPod(ctx context.Context, namespace, name string) error {
	last := "nothing"
	err := wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		p, err := s.client.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
		last = fmt.Sprintf("%s %v (%v)", p.Status.Phase, p.Status.ContainerStatuses, err)
		return err == nil && isReady(p), nil
	})
	if err != nil {
		return fmt.Errorf("pod %s/%s ready: %w; last seen: %s", namespace, name, err, last)
	}
	return nil
}

func isReady(p *v1.Pod) bool {
	for _, c := range p.Status.Conditions {
		if c.Type == v1.PodReady {
			return c.Status == v1.ConditionTrue && p.DeletionTimestamp == nil
		}
	}
	return false
}

// look runs a shell command in an export's inspector and returns what it
// prints, trimmed.
func (s *scene) look(e export, script string) string {
	s.Helper()
	return s.shell(home, e.inspector(), script)
}

// shell runs a shell command in a pod.
func (s *scene) shell(namespace, pod, script string) string {
	s.Helper()
	out, err := command(s.Context(), "kubectl", "exec", "--namespace", namespace, pod, "--", "sh", "-c", script)
	if err != nil {
		s.Fatal(err)
	}
	return strings.TrimSpace(out)
}

// in runs a shell command in a pod of the scene.
func (s *scene) in(pod, script string) string {
	s.Helper()
	return s.shell(s.namespace, pod, script)
}

func (s *scene) start(p *v1.Pod) {
	s.Helper()
	if _, err := under.client.CoreV1().Pods(s.namespace).Create(s.Context(), p, metav1.CreateOptions{}); err != nil {
		s.Fatal(err)
	}
}

func (s *scene) ready(pod string) *v1.Pod {
	s.Helper()
	if err := under.awaitPod(s.Context(), s.namespace, pod); err != nil {
		s.Fatal(err)
	}
	p, err := under.client.CoreV1().Pods(s.namespace).Get(s.Context(), pod, metav1.GetOptions{})
	if err != nil {
		s.Fatal(err)
	}
	return p
}

// deletePod deletes a pod and waits until it is gone, and with it its mounts.
func (s *scene) deletePod(name string) {
	s.Helper()
	pod, err := under.client.CoreV1().Pods(s.namespace).Get(s.Context(), name, metav1.GetOptions{})
	if err != nil {
		s.Fatal(err)
	}
	if err := under.client.CoreV1().Pods(s.namespace).Delete(s.Context(), name, metav1.DeleteOptions{}); err != nil {
		s.Fatal(err)
	}
	s.eventually("pod "+name+" gone", func(ctx context.Context) (bool, string, error) {
		now, err := under.client.CoreV1().Pods(s.namespace).Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) || (err == nil && now.UID != pod.UID) {
			return true, "", nil
		}
		return false, "still there", err
	})
}

// nodes are the names of the nodes that pods can run on.
func (s *scene) nodes() []string {
	s.Helper()
	list, err := under.client.CoreV1().Nodes().List(s.Context(), metav1.ListOptions{})
	if err != nil {
		s.Fatal(err)
	}
	var names []string
	for _, n := range list.Items {
		if !n.Spec.Unschedulable {
			names = append(names, n.Name)
		}
	}
	return names
}
