//go:build e2e

package chaos

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"
)

const chart = "../../charts/nfs-provisioner"

// install brings the release up on two shares that nobody has used, after what
// an earlier run may have left is gone.
func (r *run) install() {
	r.Helper()
	started := time.Now()
	ctx := r.Context()
	if err := r.calm(); err != nil {
		r.Fatal(err)
	}
	if err := r.remove(ctx); err != nil {
		r.Fatal(err)
	}
	r.inspector = startInspector(r)
	for share := range r.shares {
		if err := r.inspector.ask(ctx, "prepare-"+share, Ask{Do: Prepare, Share: share}, nil); err != nil {
			r.Fatal(err)
		}
	}
	for _, name := range Namespaces() {
		namespace := &v1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{label: "true"}}}
		if _, err := r.client.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{}); err != nil {
			r.Fatal(err)
		}
	}
	if _, err := command(ctx, "helm", "install", release, chart, "--namespace", home, "--create-namespace", "--values", r.values(), "--wait", "--timeout", "3m"); err != nil {
		r.Fatal(err)
	}
	r.Logf("installed with helm, and ready, in %v", time.Since(started).Round(time.Second/10))
}

// values are those of the release, in a file.
func (r *run) values() (file string) {
	r.Helper()
	image := os.Getenv("IMAGE")
	if image == "" {
		image = "docker.io/library/nfs-provisioner:local"
	}
	colon := strings.LastIndex(image, ":")
	var shares, classes []map[string]any
	for _, name := range []string{Ganesha, Kernel} {
		e := r.shares[name]
		shares = append(shares, map[string]any{
			"name": name, "server": e.server, "path": e.path + "/" + Folder, "mountOptions": []string{"nfsvers=4.1"},
		})
	}
	for _, c := range Classes() {
		parameters := map[string]any{"onDelete": string(c.Policy)}
		if c.Pattern != "" {
			parameters["pathPattern"] = c.Pattern
		}
		if c.Shared {
			parameters["allowShared"] = "true"
		}
		classes = append(classes, map[string]any{"name": c.Name, "share": c.Share, "parameters": parameters})
	}
	data, err := yaml.Marshal(map[string]any{
		"image":             map[string]any{"repository": image[:colon], "tag": image[colon+1:], "pullPolicy": "IfNotPresent"},
		"shares":            shares,
		"storageClasses":    classes,
		"replicaCount":      2,
		"operationTimeout":  "5s",
		"inventoryInterval": "10s",
		"extraArgs": []string{
			"--leader-election-lease-duration=" + LeaseDuration.String(),
			"--leader-election-renew-deadline=6s",
			"--leader-election-retry-period=500ms",
		},
	})
	if err != nil {
		r.Fatal(err)
	}
	file = filepath.Join(r.TempDir(), "values.yaml")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		r.Fatal(err)
	}
	return file
}

// uninstall removes everything that the run made.
func (r *run) uninstall() {
	r.Helper()
	ctx := context.WithoutCancel(r.Context())
	if err := r.remove(ctx); err != nil {
		r.Error(err)
	}
	for share := range r.shares {
		if err := r.inspector.ask(ctx, "tidy-"+share, Ask{Do: Tidy, Share: share}, nil); err != nil {
			r.Error(err)
		}
	}
}

// remove removes the release and the claims. Nobody is left then to delete
// their volumes, so those lose their finalizers.
func (r *run) remove(ctx context.Context) error {
	if _, err := command(ctx, "helm", "uninstall", release, "--namespace", home, "--ignore-not-found", "--wait"); err != nil {
		return err
	}
	if _, err := command(ctx, "kubectl", "delete", "namespace", "--selector", label+"=true", "--ignore-not-found"); err != nil {
		return err
	}
	if _, err := command(ctx, "kubectl", "delete", "namespace", home, "--ignore-not-found"); err != nil {
		return err
	}
	list, err := r.client.CoreV1().PersistentVolumes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	var problems []error
	for _, v := range list.Items {
		if v.Annotations[provisionedBy] != provisioner {
			continue
		}
		_, err := r.client.CoreV1().PersistentVolumes().Patch(ctx, v.Name, types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
		problems = append(problems, err, r.client.CoreV1().PersistentVolumes().Delete(ctx, v.Name, metav1.DeleteOptions{}))
	}
	return errors.Join(problems...)
}

// provisionedBy is the annotation that says who made a volume.
const provisionedBy = "pv.kubernetes.io/provisioned-by"
