package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
)

// Where pods have the export, and the volume and claim by which they have it.
const (
	podShare    = "/share"
	exportName  = "nfs-provisioner-bench-export"
	exportsName = "NFS_NO_ROOT_SQUASH_EXPORTS"
)

// An export is where the node's share is.
type export struct{ server, path string }

// firstExport is the first one that leaves root what it is.
func firstExport() (export, error) {
	first, _, _ := strings.Cut(os.Getenv(exportsName), ",")
	server, path, ok := strings.Cut(first, ":/")
	if !ok {
		return export{}, fmt.Errorf("%s is %q; it must begin with server:/path", exportsName, os.Getenv(exportsName))
	}
	return export{server, "/" + path}, nil
}

// mountExport makes the claim by which pods mount the export.
func (b *bench) mountExport(ctx context.Context, e export) error {
	none, size := "", v1.ResourceList{v1.ResourceStorage: resource.MustParse("1Gi")}
	modes := []v1.PersistentVolumeAccessMode{v1.ReadWriteMany}
	if _, err := b.client.CoreV1().PersistentVolumes().Create(ctx, &v1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: exportName},
		Spec: v1.PersistentVolumeSpec{
			Capacity: size, AccessModes: modes, MountOptions: []string{"nfsvers=4.1"},
			PersistentVolumeReclaimPolicy: v1.PersistentVolumeReclaimRetain,
			ClaimRef:                      &v1.ObjectReference{Namespace: namespace, Name: exportName},
			PersistentVolumeSource:        v1.PersistentVolumeSource{NFS: &v1.NFSVolumeSource{Server: e.server, Path: e.path}},
		},
	}, metav1.CreateOptions{}); err != nil {
		return err
	}
	_, err := b.client.CoreV1().PersistentVolumeClaims(namespace).Create(ctx, &v1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: exportName},
		Spec: v1.PersistentVolumeClaimSpec{
			StorageClassName: &none, VolumeName: exportName, AccessModes: modes,
			Resources: v1.VolumeResourceRequirements{Requests: size},
		},
	}, metav1.CreateOptions{})
	return err
}

// startPod runs a program of the image on the first node. Without a node of its
// own it would now be here, now there.
func (b *bench) startPod(ctx context.Context, name string, command, environment []string) error {
	nodes, err := b.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{Limit: 1})
	if err != nil {
		return err
	}
	if len(nodes.Items) == 0 {
		return errors.New("the cluster has no node")
	}
	pod := &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1.PodSpec{
			NodeName: nodes.Items[0].Name, ServiceAccountName: account, RestartPolicy: v1.RestartPolicyNever,
			Containers: []v1.Container{{
				Name: "main", Image: imageName, ImagePullPolicy: v1.PullNever, Command: command,
				VolumeMounts:             []v1.VolumeMount{{Name: "share", MountPath: podShare}},
				TerminationMessagePolicy: v1.TerminationMessageFallbackToLogsOnError,
			}},
			Volumes: []v1.Volume{{Name: "share", VolumeSource: v1.VolumeSource{
				PersistentVolumeClaim: &v1.PersistentVolumeClaimVolumeSource{ClaimName: exportName},
			}}},
		},
	}
	for _, pair := range environment {
		variable, value, _ := strings.Cut(pair, "=")
		pod.Spec.Containers[0].Env = append(pod.Spec.Containers[0].Env, v1.EnvVar{Name: variable, Value: value})
	}
	_, err = b.client.CoreV1().Pods(namespace).Create(ctx, pod, metav1.CreateOptions{})
	return err
}

// awaitPod waits until a pod has ended well.
func (b *bench) awaitPod(ctx context.Context, name string) error {
	return wait.PollUntilContextCancel(ctx, often, true, func(ctx context.Context) (bool, error) {
		p, err := b.client.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		if p.Status.Phase == v1.PodFailed {
			return false, fmt.Errorf("pod %s has failed: %s", name, lastWords(p))
		}
		return p.Status.Phase == v1.PodSucceeded, nil
	})
}

func lastWords(p *v1.Pod) string {
	for _, c := range p.Status.ContainerStatuses {
		if c.State.Terminated != nil {
			return strings.TrimSpace(c.State.Terminated.Message)
		}
	}
	return p.Status.Message
}

// failedPod is the error of a pod that has failed.
func (b *bench) failedPod(ctx context.Context, name string) error {
	p, err := b.client.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
	if err == nil && p.Status.Phase == v1.PodFailed {
		return fmt.Errorf("pod %s has failed: %s", name, lastWords(p))
	}
	return err
}

// removePod asks a pod to end and waits until it has.
func (b *bench) removePod(ctx context.Context, name string) error {
	err := b.client.CoreV1().Pods(namespace).Delete(ctx, name, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	return wait.PollUntilContextCancel(ctx, often, true, func(ctx context.Context) (bool, error) {
		_, err := b.client.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return true, nil
		}
		return false, err
	})
}

// runPod runs a program to its end.
func (b *bench) runPod(ctx context.Context, name string, command []string) error {
	_, err := b.askPod(ctx, name, command)
	return err
}

// askPod runs a program to its end and returns what that has said last.
func (b *bench) askPod(ctx context.Context, name string, command []string) (word string, err error) {
	if err := b.startPod(ctx, name, command, nil); err != nil {
		return "", err
	}
	err = b.awaitPod(ctx, name)
	if err == nil {
		var ended *v1.Pod
		if ended, err = b.client.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{}); err == nil {
			word = lastWords(ended)
		}
	}
	return word, errors.Join(err, b.removePod(ctx, name))
}
