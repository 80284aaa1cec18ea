//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// The StatefulSet web, on every export with root_squash.
func TestStatefulSetFindsItsDataAgain(t *testing.T) {
	t.Parallel()
	for _, e := range under.of(true) {
		t.Run(e.share, func(t *testing.T) {
			t.Parallel()
			w := newWeb(t, e)
			t.Log("replicas come up one after the other, each with a volume of its own")
			w.create()
			w.expectOrder()
			for i := range webReplicas {
				w.expectVolume(i)
			}

			t.Log("each pod writes; it reads the same again after it was deleted and moved to another node")
			for i := range webReplicas {
				w.in(w.pod(i), "hostname > /data/who")
			}
			w.expectNames()
			for i := range webReplicas {
				w.move(i)
			}
			w.expectFiles()
			t.Log("its name leads to its new address")
			w.expectNames()

			t.Log("the set is deleted: claims, volumes and data stay; made again, it reads them")
			volumes := w.volumes()
			w.remove()
			if now := w.volumes(); !slices.Equal(now, volumes) {
				t.Errorf("volumes were %v, are %v", volumes, now)
			}
			w.create()
			w.expectFiles()
		})
	}
}

const webReplicas = 3

// web is the story's StatefulSet behind its headless Service.
type web struct {
	*scene
	on    export
	class string
}

func newWeb(t *testing.T, e export) *web {
	w := &web{newScene(t), e, ""}
	w.class = w.unique("gold")
	w.makeClass(class(w.class, e, nil))
	w.start(pod("client", forever))
	service := &v1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec:       v1.ServiceSpec{ClusterIP: v1.ClusterIPNone, Selector: map[string]string{"app": "web"}, Ports: []v1.ServicePort{{Port: 80}}},
	}
	if _, err := under.client.CoreV1().Services(w.namespace).Create(t.Context(), service, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *web) pod(i int) string     { return fmt.Sprintf("web-%d", i) }
func (w *web) claimOf(i int) string { return "data-" + w.pod(i) }

func (w *web) create() {
	w.Helper()
	replicas := int32(webReplicas)
	labels := map[string]string{"app": "web"}
	spec := podSpec(forever)
	spec.Containers[0].VolumeMounts = []v1.VolumeMount{{Name: "data", MountPath: "/data"}}
	template := claim("data", w.class)
	template.Spec.Resources.Requests[v1.ResourceStorage] = resource.MustParse("2Gi")
	set := &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: appsv1.StatefulSetSpec{
			ServiceName: "web", Replicas: &replicas,
			Selector:             &metav1.LabelSelector{MatchLabels: labels},
			Template:             v1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: spec},
			VolumeClaimTemplates: []v1.PersistentVolumeClaim{*template},
		},
	}
	if _, err := under.client.AppsV1().StatefulSets(w.namespace).Create(w.Context(), set, metav1.CreateOptions{}); err != nil {
		w.Fatal(err)
	}
	for i := range webReplicas {
		w.ready(w.pod(i))
	}
}

// remove deletes the set and waits until its pods are gone.
func (w *web) remove() {
	w.Helper()
	if err := under.client.AppsV1().StatefulSets(w.namespace).Delete(w.Context(), "web", metav1.DeleteOptions{}); err != nil {
		w.Fatal(err)
	}
	w.eventually("pods of the set gone", func(ctx context.Context) (bool, string, error) {
		pods, err := under.client.CoreV1().Pods(w.namespace).List(ctx, metav1.ListOptions{LabelSelector: "app=web"})
		return err == nil && len(pods.Items) == 0, fmt.Sprint(len(pods.Items)), err
	})
}

// expectOrder: a replica is made only when the one before it is ready.
func (w *web) expectOrder() {
	w.Helper()
	var last metav1.Time
	for i := range webReplicas {
		p := w.ready(w.pod(i))
		if p.CreationTimestamp.Before(&last) {
			w.Errorf("%s was made at %v, before %v", p.Name, p.CreationTimestamp, last)
		}
		for _, c := range p.Status.Conditions {
			if c.Type == v1.PodReady {
				last = c.LastTransitionTime
			}
		}
	}
}

func (w *web) expectVolume(i int) {
	w.Helper()
	pv := w.bound(w.claimOf(i))
	size := pv.Spec.Capacity[v1.ResourceStorage]
	if size.String() != "2Gi" {
		w.Errorf("capacity is %s, want 2Gi", size.String())
	}
	if !slices.Equal(pv.Spec.AccessModes, []v1.PersistentVolumeAccessMode{v1.ReadWriteOnce}) {
		w.Errorf("access modes are %v", pv.Spec.AccessModes)
	}
	if pv.Spec.StorageClassName != w.class || !slices.Equal(pv.Spec.MountOptions, class("", w.on, nil).MountOptions) {
		w.Errorf("class is %q with mount options %v", pv.Spec.StorageClassName, pv.Spec.MountOptions)
	}
	if ref := pv.Spec.ClaimRef; ref == nil || ref.Name != w.claimOf(i) || ref.Namespace != w.namespace {
		w.Errorf("claimRef is %v", ref)
	}
	want := fmt.Sprintf("%s/%s-%s-%s", w.on.path, w.namespace, w.claimOf(i), pv.Name)
	if source := pv.Spec.NFS; source == nil || source.Server != w.on.server || source.Path != want || source.ReadOnly {
		w.Errorf("source is %v, want %s:%s", source, w.on.server, want)
	}
	const squashed = "65534 777"
	if got := w.look(w.on, "stat -c '%u %a' "+directory(w.on, pv)); got != squashed {
		w.Errorf("owner and mode on the server are %q, want those of the squashed user, %q", got, squashed)
	}
}

// expectFiles: each replica reads what the replica of its name wrote.
func (w *web) expectFiles() {
	w.Helper()
	for i := range webReplicas {
		if got := w.in(w.pod(i), "cat /data/who"); got != w.pod(i) {
			w.Errorf("%s reads %q", w.pod(i), got)
		}
	}
}

// expectNames: the name of each replica resolves, in another pod, to the
// address that the replica has now.
func (w *web) expectNames() {
	w.Helper()
	w.ready("client")
	for i := range webReplicas {
		name := fmt.Sprintf("%s.web.%s.svc.cluster.local", w.pod(i), w.namespace)
		w.eventually(name+" resolves to the pod", func(ctx context.Context) (bool, string, error) {
			p, err := under.client.CoreV1().Pods(w.namespace).Get(ctx, w.pod(i), metav1.GetOptions{})
			if err != nil {
				return false, "", err
			}
			out, err := command(ctx, "kubectl", "exec", "--namespace", w.namespace, "client", "--", "nslookup", name)
			return err == nil && p.Status.PodIP != "" && strings.Contains(out, p.Status.PodIP), out, err
		})
	}
}

// move deletes a replica with its node closed to it, so that it comes back on
// another one, if there is another one.
func (w *web) move(i int) {
	w.Helper()
	before := w.ready(w.pod(i))
	elsewhere := slices.DeleteFunc(w.nodes(), func(name string) bool { return name == before.Spec.NodeName })
	if len(elsewhere) > 0 {
		w.runOn(elsewhere)
	}
	w.deletePod(before.Name)
	after := w.ready(before.Name)
	if len(elsewhere) > 0 && after.Spec.NodeName == before.Spec.NodeName {
		w.Errorf("%s is on %s again", after.Name, after.Spec.NodeName)
	}
	if after.Status.PodIP == before.Status.PodIP {
		w.Logf("%s has got the address %s once more", after.Name, after.Status.PodIP)
	}
}

// runOn lets new pods of the set run on some nodes only. The set replaces
// nothing by itself.
func (w *web) runOn(nodes []string) {
	w.Helper()
	patch, err := json.Marshal(map[string]any{"spec": map[string]any{
		"updateStrategy": map[string]any{"type": appsv1.OnDeleteStatefulSetStrategyType, "rollingUpdate": nil},
		"template": map[string]any{"spec": map[string]any{"affinity": v1.Affinity{NodeAffinity: &v1.NodeAffinity{
			RequiredDuringSchedulingIgnoredDuringExecution: &v1.NodeSelector{NodeSelectorTerms: []v1.NodeSelectorTerm{{
				MatchFields: []v1.NodeSelectorRequirement{{Key: "metadata.name", Operator: v1.NodeSelectorOpIn, Values: nodes[:1]}},
			}}},
		}}}},
	}})
	if err != nil {
		w.Fatal(err)
	}
	if _, err := under.client.AppsV1().StatefulSets(w.namespace).Patch(w.Context(), "web", types.StrategicMergePatchType, patch, metav1.PatchOptions{}); err != nil {
		w.Fatal(err)
	}
}

// volumes are the names of the volumes of the set's claims.
func (w *web) volumes() (names []string) {
	w.Helper()
	for i := range webReplicas {
		names = append(names, w.bound(w.claimOf(i)).Name)
	}
	return names
}
