//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// takeNamespaces makes those of the document, unless they are somebody's.
func (m *move) takeNamespaces() {
	m.Helper()
	for _, name := range []string{olderRelease, newerRelease} {
		existing, err := under.client.CoreV1().Namespaces().Get(m.Context(), name, metav1.GetOptions{})
		if err == nil && existing.Labels[label] == "" {
			m.Skipf("there is a namespace %s, which this test has not made", name)
		}
		if err := removeRelease(m.Context(), name); err != nil {
			m.Fatal(err)
		}
		made := &v1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{label: "true"}}}
		if _, err := under.client.CoreV1().Namespaces().Create(m.Context(), made, metav1.CreateOptions{}); err != nil {
			m.Fatal(err)
		}
		m.Cleanup(func() {
			if m.Failed() {
				log, err := command(context.Background(), "kubectl", "logs", "--namespace", name, "deployment/"+name)
				m.Logf("%s: %v\n%s", name, err, log)
			}
			if err := removeRelease(context.Background(), name); err != nil {
				m.Error(err)
			}
		})
	}
}

// removeVolumes removes the older name's volumes, and what is on the export.
func (m *move) removeVolumes() {
	m.Helper()
	volumes, err := under.client.CoreV1().PersistentVolumes().List(context.Background(), metav1.ListOptions{})
	if err != nil {
		m.Error(err)
		return
	}
	for _, pv := range volumes.Items {
		if pv.Spec.ClaimRef == nil || pv.Spec.ClaimRef.Namespace != m.namespace {
			continue
		}
		ctx, patch := context.Background(), `{"metadata": {"$deleteFromPrimitiveList/finalizers": ["`+libraryFinalizer+`"]}}`
		_, patched := command(ctx, "kubectl", "patch", "persistentvolume", pv.Name, "--patch", patch)
		_, deleted := command(ctx, "kubectl", "delete", "persistentvolume", pv.Name, "--ignore-not-found", "--wait=false")
		if err := errors.Join(patched, deleted); err != nil {
			m.Error(err)
		}
	}
	if _, err := inInspector(context.Background(), m.on, "rm -rf "+m.root()); err != nil {
		m.Error(err)
	}
}

// removeRelease removes a release of the document and its namespace.
func removeRelease(ctx context.Context, name string) error {
	if _, err := command(ctx, "helm", "uninstall", name, "--namespace", name, "--ignore-not-found", "--wait"); err != nil {
		return err
	}
	_, err := command(ctx, "kubectl", "delete", "namespace", name, "--ignore-not-found")
	return err
}

// olderChart is the older provisioner's chart with an image that the nodes have.
func (m *move) olderChart() string {
	m.Helper()
	chart := filepath.Join(m.TempDir(), olderRelease)
	if err := os.CopyFS(chart, os.DirFS("../older/chart")); err != nil {
		m.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(chart, "values.yaml"))
	if err != nil {
		m.Fatal(err)
	}
	var values map[string]any
	if err := yaml.Unmarshal(data, &values); err != nil {
		m.Fatal(err)
	}
	repository, tag, _ := cutLast(under.testbox, ":")
	values["image"] = map[string]any{"repository": repository, "tag": tag, "pullPolicy": "IfNotPresent"}
	if data, err = yaml.Marshal(values); err != nil {
		m.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(chart, "values.yaml"), data, 0o600); err != nil {
		m.Fatal(err)
	}
	return chart
}

func (m *move) installOlder() {
	m.Helper()
	values, err := writeValues("older", map[string]any{
		"replicaCount": 1,
		"nfs": map[string]any{
			"server": m.on.server, "path": m.on.path + "/" + olderFolder, "mountOptions": []string{"nfsvers=4.1", "actimeo=1"},
		},
		"storageClass": map[string]any{"accessModes": "ReadWriteMany"},
	})
	if err != nil {
		m.Fatal(err)
	}
	_, err = command(m.Context(), "helm", "install", olderRelease, m.chart, "--namespace", olderRelease, "--values", values)
	if err != nil {
		m.Fatal(err)
	}
	m.startOlder()
}

// startOlder puts the program into the older provisioner's pod.
func (m *move) startOlder() {
	m.Helper()
	_, err := command(m.Context(), "kubectl", "rollout", "status", "deployment/"+olderRelease,
		"--namespace", olderRelease, "--timeout", patience.String())
	if err != nil {
		m.Fatal(err)
	}
	pod, err := command(m.Context(), "kubectl", "get", "pods", "--selector", "release="+olderRelease,
		"--namespace", olderRelease, "--output", "jsonpath={.items[0].metadata.name}")
	if err != nil {
		m.Fatal(err)
	}
	m.upload(m.program, olderRelease, pod, "/program/older")
}

// makeVolumes has the older provisioner make volumes of every kind.
func (m *move) makeVolumes() {
	m.Helper()
	for name, parameters := range map[string]map[string]string{
		"delete":  {"archiveOnDelete": "false"},
		"retain":  {"onDelete": "retain"},
		"pattern": {"pathPattern": "${.PVC.namespace}/${.PVC.annotations." + storagePath + "}"},
	} {
		m.makeClass(&storagev1.StorageClass{
			ObjectMeta:   metav1.ObjectMeta{Name: m.unique(name), Labels: map[string]string{label: "true"}},
			Provisioner:  olderName,
			Parameters:   parameters,
			MountOptions: []string{"nfsvers=4.1", "actimeo=1"},
		})
	}
	classes := map[string]string{
		"kept": olderClass, "archive": olderClass, "gone": olderClass, "stuck": olderClass,
		"delete": m.unique("delete"), "retain": m.unique("retain"), "deep": m.unique("pattern"), "sibling": m.unique("pattern"),
		"twin-one": m.unique("pattern"), "twin-two": m.unique("pattern"),
	}
	for name, class := range classes {
		c := claim(name, class, v1.ReadWriteMany)
		c.Annotations = map[string]string{storagePath: "a/" + onPath(name)}
		m.makeClaim(c)
	}
	for name := range classes {
		m.expectOlderVolume(name)
		m.look(m.on, "echo "+onPath(name)+" > "+m.directories[name]+"/file")
	}
	m.web = &web{m.scene, m.on, olderClass}
	m.web.create()
	for i := range webReplicas {
		m.in(m.web.pod(i), "hostname > /data/who")
	}
	m.start(pod("reader", forever, "kept", "sibling"))
	m.ready("reader")

	m.deleteClaim("gone")
	m.expectFile("gone", m.olderArchive("gone"))
	m.deleted = append(m.deleted, "gone")
}

// onPath is what a claim's path ends in, where its class has a pattern. The
// twins have one.
func onPath(claim string) string {
	name, _, _ := strings.Cut(claim, "-")
	return name
}

// expectOlderVolume holds what stands in for the older provisioner to what that
// is known to make.
func (m *move) expectOlderVolume(claim string) {
	m.Helper()
	pv := m.bound(claim)
	c := m.claim(claim)
	if pv.Name != "pvc-"+string(c.UID) || pv.Annotations["pv.kubernetes.io/provisioned-by"] != olderName ||
		slices.Contains(pv.Finalizers, libraryFinalizer) {
		m.Errorf("%s: the volume %s has annotations %v and finalizers %v", claim, pv.Name, pv.Annotations, pv.Finalizers)
	}
	if c.Annotations["volume.kubernetes.io/storage-provisioner"] != olderName ||
		c.Annotations["pv.kubernetes.io/bind-completed"] != "yes" {
		m.Errorf("%s: the claim has annotations %v", claim, c.Annotations)
	}
	want := fmt.Sprintf("%s/%s/%s-%s-%s", m.on.path, olderFolder, m.namespace, claim, pv.Name)
	if strings.HasPrefix(pv.Spec.StorageClassName, "pattern") {
		want = fmt.Sprintf("%s/%s/%s/a/%s", m.on.path, olderFolder, m.namespace, onPath(claim))
	}
	if pv.Spec.NFS.Server != m.on.server || pv.Spec.NFS.Path != want {
		m.Errorf("%s: the volume is at %s:%s, want %s:%s", claim, pv.Spec.NFS.Server, pv.Spec.NFS.Path, m.on.server, want)
	}
	m.volumes[claim], m.directories[claim] = pv.Name, directory(m.on, pv)
	if mode := m.look(m.on, "stat -c %a "+m.directories[claim]); mode != "777" {
		m.Errorf("%s: the directory's mode is %s", claim, mode)
	}
}
