package main

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/nfs-provisioner/nfs-provisioner/test/e2e/bench/loops"
)

// A fileWork is which part of a deletion, of the preparation, or of a copy, a loop does.
type fileWork struct {
	unlink bool
	moved  bool
	only   bool
	make   []string
	fill   int
	remove string
	from   string
	to     string
}

// trash is where a loop moves directories to.
const trash = ".trash"

// deleteReleased deletes the volumes that are Released: it moves each directory away,
// removes its files if it is told to, and then deletes the volume and takes off
// its finalizer. Without the API server it does so to every directory of the share.
func deleteReleased(ctx context.Context, o options) error {
	if err := os.MkdirAll(filepath.Join(o.directory, trash), 0o700); err != nil {
		return err
	}
	if o.only {
		return o.deleteFiles()
	}
	client, _, err := loops.Connect(o.kubeconfig)
	if err != nil {
		return err
	}
	list, err := client.CoreV1().PersistentVolumes().List(ctx, metav1.ListOptions{ResourceVersion: "0"})
	if err != nil {
		return err
	}
	var released []*v1.PersistentVolume
	for i := range list.Items {
		if v := &list.Items[i]; loops.Of(v, o.namespace) && v.Status.Phase == v1.VolumeReleased {
			released = append(released, v)
		}
	}
	return loops.Parallel(o.workers, released, func(v *v1.PersistentVolume) error {
		relative, err := loops.Below(v.Spec.NFS.Path)
		if err != nil {
			return err
		}
		if err := o.deleteDirectory(relative); err != nil {
			return err
		}
		return deleteVolume(ctx, client, v)
	})
}

// deleteFiles works on all directories of the share, or on all in the trash.
func (o options) deleteFiles() error {
	folder := o.directory
	if o.moved {
		folder = filepath.Join(folder, trash)
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return e.Name() == trash })
	return loops.Parallel(o.workers, entries, func(e fs.DirEntry) error { return o.deleteDirectory(e.Name()) })
}

func (o options) deleteDirectory(relative string) error {
	trashed := filepath.Join(o.directory, trash, filepath.Base(relative))
	if !o.moved {
		if err := os.Rename(filepath.Join(o.directory, relative), trashed); err != nil {
			return err
		}
	}
	if !o.unlink {
		return nil
	}
	return unlinkAll(trashed)
}

// unlinkAll removes a folder with the files that are in it.
func unlinkAll(folder string) error {
	f, err := os.Open(folder)
	if err != nil {
		return err
	}
	names, err := f.Readdirnames(-1)
	for _, name := range names {
		err = errors.Join(err, os.Remove(filepath.Join(folder, name)))
	}
	return errors.Join(err, f.Close(), os.Remove(folder))
}

// deleteVolume takes two requests if the volume has a finalizer of its maker.
func deleteVolume(ctx context.Context, client kubernetes.Interface, v *v1.PersistentVolume) error {
	err := client.CoreV1().PersistentVolumes().Delete(ctx, v.Name, metav1.DeleteOptions{})
	if err != nil {
		return err
	}
	own := slices.DeleteFunc(slices.Clone(v.Finalizers), func(f string) bool { return f == loops.FinalizerOfCluster })
	if len(own) == 0 {
		return nil
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"$deleteFromPrimitiveList/finalizers": own}})
	if err != nil {
		return err
	}
	_, err = client.CoreV1().PersistentVolumes().Patch(ctx, v.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
