// Older stands in for nfs-subdir-external-provisioner 4.0.2, of which nothing
// is built any more, in tests of moving from it and back. It does with claims,
// volumes and directories what that does, mistakes included:
//
//   - a claim gets ${namespace}-${name}-${volume}, or its class's pathPattern
//     with nothing in place of variables that have no value; whatever is there
//     already is taken, with mode 0777
//   - the data of a released volume fares as its class says now; it is looked
//     for on the export itself, by the last part of its path alone
//   - a volume that is being deleted is not looked at, and finalizers are left
//     as they are
package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
)

const (
	mount = "/persistentvolumes"

	annotationProvisioner   = "volume.kubernetes.io/storage-provisioner"
	annotationProvisionedBy = "pv.kubernetes.io/provisioned-by"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		klog.ErrorS(err, "Cannot run")
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	config, err := rest.InClusterConfig()
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	p := &provisioner{client, os.Getenv("PROVISIONER_NAME"), os.Getenv("NFS_SERVER"), os.Getenv("NFS_PATH")}
	wait.UntilWithContext(ctx, func(ctx context.Context) {
		if err := errors.Join(p.provisionAll(ctx), p.deleteAll(ctx)); err != nil {
			klog.ErrorS(err, "Tries again")
		}
	}, time.Second/2)
	return nil
}

type provisioner struct {
	client             kubernetes.Interface
	name, server, path string
}

func (p *provisioner) provisionAll(ctx context.Context) error {
	claims, err := p.client.CoreV1().PersistentVolumeClaims("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	var failed []error
	for _, claim := range claims.Items {
		if claim.Spec.VolumeName == "" && claim.Annotations[annotationProvisioner] == p.name {
			failed = append(failed, p.provision(ctx, &claim))
		}
	}
	return errors.Join(failed...)
}

func (p *provisioner) provision(ctx context.Context, claim *v1.PersistentVolumeClaim) error {
	class, err := p.client.StorageV1().StorageClasses().Get(ctx, *claim.Spec.StorageClassName, metav1.GetOptions{})
	if err != nil {
		return err
	}
	name := "pvc-" + string(claim.UID)
	directory := strings.Join([]string{claim.Namespace, claim.Name, name}, "-")
	if pattern := render(class.Parameters["pathPattern"], claim); pattern != "" {
		directory = pattern
	}
	place := filepath.Join(mount, directory)
	if err := errors.Join(os.MkdirAll(place, 0o777), os.Chmod(place, 0o777)); err != nil {
		return err
	}
	volume := &v1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{annotationProvisionedBy: p.name}},
		Spec: v1.PersistentVolumeSpec{
			PersistentVolumeReclaimPolicy: *class.ReclaimPolicy,
			AccessModes:                   claim.Spec.AccessModes,
			MountOptions:                  class.MountOptions,
			StorageClassName:              class.Name,
			Capacity:                      v1.ResourceList{v1.ResourceStorage: claim.Spec.Resources.Requests[v1.ResourceStorage]},
			PersistentVolumeSource: v1.PersistentVolumeSource{
				NFS: &v1.NFSVolumeSource{Server: p.server, Path: filepath.Join(p.path, directory)},
			},
			ClaimRef: &v1.ObjectReference{
				Kind: "PersistentVolumeClaim", APIVersion: "v1", Namespace: claim.Namespace, Name: claim.Name,
				UID: claim.UID, ResourceVersion: claim.ResourceVersion,
			},
		},
	}
	_, err = p.client.CoreV1().PersistentVolumes().Create(ctx, volume, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil // the claim has yet to be bound
	}
	return err
}

var variable = regexp.MustCompile(`\$\{\.PVC\.([^}]*)\}`)

func render(pattern string, claim *v1.PersistentVolumeClaim) string {
	return variable.ReplaceAllStringFunc(pattern, func(text string) string {
		name := variable.FindStringSubmatch(text)[1]
		if key, ok := strings.CutPrefix(name, "labels."); ok {
			return claim.Labels[key]
		}
		if key, ok := strings.CutPrefix(name, "annotations."); ok {
			return claim.Annotations[key]
		}
		return map[string]string{"namespace": claim.Namespace, "name": claim.Name}[name]
	})
}

func (p *provisioner) deleteAll(ctx context.Context) error {
	volumes, err := p.client.CoreV1().PersistentVolumes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	var failed []error
	for _, volume := range volumes.Items {
		if volume.Annotations[annotationProvisionedBy] == p.name && volume.DeletionTimestamp == nil &&
			volume.Status.Phase == v1.VolumeReleased && volume.Spec.PersistentVolumeReclaimPolicy == v1.PersistentVolumeReclaimDelete {
			failed = append(failed, p.delete(ctx, &volume))
		}
	}
	return errors.Join(failed...)
}

func (p *provisioner) delete(ctx context.Context, volume *v1.PersistentVolume) error {
	place := filepath.Join(mount, filepath.Base(volume.Spec.NFS.Path))
	if _, err := os.Stat(place); !errors.Is(err, fs.ErrNotExist) {
		class, err := p.client.StorageV1().StorageClasses().Get(ctx, volume.Spec.StorageClassName, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if err := dispose(place, class); err != nil {
			return fmt.Errorf("volume %s: %w", volume.Name, err)
		}
	}
	return p.client.CoreV1().PersistentVolumes().Delete(ctx, volume.Name, metav1.DeleteOptions{})
}

func dispose(place string, class *storagev1.StorageClass) error {
	switch {
	case class.Parameters["onDelete"] == "retain":
		return nil
	case class.Parameters["onDelete"] == "delete", class.Parameters["archiveOnDelete"] == "false":
		return os.RemoveAll(place)
	}
	return os.Rename(place, filepath.Join(mount, "archived-"+filepath.Base(place)))
}
