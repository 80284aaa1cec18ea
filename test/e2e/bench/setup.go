package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/nfs-provisioner/nfs-provisioner/test/e2e/bench/loops"
)

// kubeconfigFile is that of the account, in the directory of the work.
const kubeconfigFile = "kubeconfig"

// newBench connects to the cluster, and makes what all measurements need.
func newBench(ctx context.Context, o options) (*bench, error) {
	b := &bench{options: o, sizes: newSizes(o.quick, o.repeat), progress: progress{time.Now()}, numbering: newNumbering()}
	var err error
	if b.profile, err = readProfile(o.profile); err != nil {
		return nil, err
	}
	for name, value := range o.parameters {
		if b.profile.Parameters == nil {
			b.profile.Parameters = map[string]string{}
		}
		b.profile.Parameters[name] = value
	}
	if _, err := os.Stat(o.provisioner); err != nil {
		return nil, fmt.Errorf("--provisioner: %w", err)
	}
	if b.work, err = filepath.Abs(o.work); err != nil {
		return nil, err
	}
	b.share.root, b.beside.root = filepath.Join(b.work, "share"), filepath.Join(b.work, "share-of-loops")
	if b.profile.Directory != "" {
		b.share.root = b.profile.Directory
	}
	if b.client, b.admin, err = loops.Connect(os.Getenv("KUBECONFIG")); err != nil {
		return nil, err
	}
	if b.store, err = openStore(ctx, o.etcd); err != nil {
		return nil, err
	}
	return b, nil
}

// prepare makes namespace, account, classes and samples.
func (b *bench) prepare(ctx context.Context) error {
	b.say("preparing: an account, classes, and a sample of what the provisioner makes")
	if err := b.sweep(ctx); err != nil {
		return err
	}
	if err := b.makeNamespace(ctx); err != nil {
		return err
	}
	if err := allow(ctx, b.client, namespace); err != nil {
		return err
	}
	b.kubeconfig = filepath.Join(b.work, kubeconfigFile)
	if err := writeKubeconfig(ctx, b.client, b.admin, namespace, b.kubeconfig); err != nil {
		return err
	}
	var err error
	if b.account, _, err = loops.Connect(b.kubeconfig); err != nil {
		return err
	}
	for _, name := range []string{classUnderTest, classBare, classOther, classInNode} {
		if err := b.makeClass(ctx, name); err != nil {
			return err
		}
	}
	if err := b.share.renew(); err != nil {
		return err
	}
	return b.takeSamples(ctx)
}

// makeNamespace makes it anew, should an interrupted run have left it.
func (b *bench) makeNamespace(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	space := &v1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	if err := b.client.CoreV1().Namespaces().Delete(ctx, namespace, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		return err
	}
	return wait.PollUntilContextCancel(ctx, often, true, func(ctx context.Context) (bool, error) {
		_, err := b.client.CoreV1().Namespaces().Create(ctx, space, metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) {
			return false, nil
		}
		return err == nil, err
	})
}

func (b *bench) makeClass(ctx context.Context, name string) error {
	parameters := b.profile.Parameters
	if name == classOther {
		parameters = nil
	}
	class := &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: name}, Provisioner: name, Parameters: parameters}
	_, err := b.client.StorageV1().StorageClasses().Create(ctx, class, metav1.CreateOptions{})
	return err
}

// sweep removes what this run, or an interrupted one, has made, but for the
// namespace, which takes the cluster a while.
func (b *bench) sweep(ctx context.Context) error {
	problems := []error{
		b.store.remove(ctx, append(append(prefixes(namespace, passing), prefixes(namespace, filling)...), eventKeys+namespace+"/")...),
		b.removeMade(ctx),
		b.store.removeKeys(ctx, []string{claimKeys + namespace + "/" + exportName, volumeKeys + exportName}),
		disallow(ctx, b.client, namespace),
		b.removeFlowSchemas(ctx),
	}
	for _, name := range []string{classUnderTest, classBare, classOther, classInNode} {
		err := b.client.StorageV1().StorageClasses().Delete(ctx, name, metav1.DeleteOptions{})
		if !apierrors.IsNotFound(err) {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}

// finish takes everything back.
func (b *bench) finish(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Minute)
	defer cancel()
	problems := []error{b.sweep(ctx), b.share.discard(), b.beside.discard(), os.RemoveAll(filepath.Join(b.work, kubeconfigFile))}
	err := b.client.CoreV1().Namespaces().Delete(ctx, namespace, metav1.DeleteOptions{})
	if !apierrors.IsNotFound(err) {
		problems = append(problems, err)
	}
	return errors.Join(append(problems, b.store.close())...)
}

// removeMade removes claims and volumes whose names the API server gave, but for
// those by which pods have the export.
func (b *bench) removeMade(ctx context.Context) error {
	claims, err := b.client.CoreV1().PersistentVolumeClaims(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	volumes, err := b.client.CoreV1().PersistentVolumes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	var keys []string
	for i := range claims.Items {
		if c := &claims.Items[i]; c.Name != exportName {
			keys = append(keys, claimKeys+namespace+"/"+c.Name)
		}
	}
	for i := range volumes.Items {
		if v := &volumes.Items[i]; v.Name != exportName && loops.Of(v, namespace) {
			keys = append(keys, volumeKeys+v.Name)
		}
	}
	return b.store.removeKeys(ctx, keys)
}
