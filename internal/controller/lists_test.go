package controller

import (
	"net/http"
	"net/http/httptest"
	"testing"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
)

// listingFrom reads lists from a server that has these.
func listingFrom(t *testing.T, answers map[string]func(http.ResponseWriter)) rest.Interface {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery != "" {
			t.Errorf("%s is asked for with %q: a list of now, in one piece, has no options", r.URL.Path, r.URL.RawQuery)
		}
		w.Header().Set("Content-Type", runtime.ContentTypeProtobuf)
		answers[r.URL.Path](w)
	}))
	t.Cleanup(server.Close)
	client, err := kubernetes.NewForConfig(&rest.Config{Host: server.URL, ContentConfig: rest.ContentConfig{ContentType: runtime.ContentTypeProtobuf}})
	if err != nil {
		t.Fatal(err)
	}
	return client.CoreV1().RESTClient()
}

// volumesListed is a list of volumes, or of these if it has to come in one piece.
func volumesListed(t *testing.T, listing rest.Interface, whole ...runtime.Object) (runtime.Object, error) {
	t.Helper()
	of := fake.NewClientset(whole...).CoreV1().PersistentVolumes()
	return arriving[v1.PersistentVolume](of, listing, "persistentvolumes", slimmer{}.glance).ListWithContext(t.Context(), metav1.ListOptions{})
}

func TestCachesKeepOfAListWhatIsRead(t *testing.T) {
	ours := nfsVolume("ours", "nas", "/export/ours")
	ours.Annotations = map[string]string{annProvisionedBy: valid().Provisioner}
	others := &v1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "others", Labels: map[string]string{"a": "b"}}}
	claim := &v1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{
		Namespace: "space", Name: "waits", Annotations: map[string]string{annStorageProvisioner: valid().Provisioner},
	}}
	send := func(object runtime.Object) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { _, _ = w.Write(bodyOf(t, object)) }
	}
	listing := listingFrom(t, map[string]func(http.ResponseWriter){
		"/api/v1/persistentvolumes":      send(&v1.PersistentVolumeList{ListMeta: metav1.ListMeta{ResourceVersion: "7"}, Items: []v1.PersistentVolume{*ours, *others}}),
		"/api/v1/persistentvolumeclaims": send(&v1.PersistentVolumeClaimList{ListMeta: metav1.ListMeta{ResourceVersion: "7"}, Items: []v1.PersistentVolumeClaim{*claim}}),
	})
	c := newCaches(fake.NewClientset(), listing, valid().Provisioner)
	c.factory.StartWithContext(t.Context())
	t.Cleanup(c.factory.Shutdown)
	if !c.await(t.Context()) {
		t.Fatal("the caches were not filled")
	}
	if volume, ok, _ := c.volumes.GetStore().GetByKey("ours"); !ok || volume.(*v1.PersistentVolume).Spec.NFS.Path != "/export/ours" {
		t.Errorf("our volume: %v", volume)
	}
	if volume, ok, _ := c.volumes.GetStore().GetByKey("others"); !ok {
		t.Error("another's volume is not known")
	} else if _, ok := volume.(*metav1.PartialObjectMetadata); !ok {
		t.Errorf("another's volume is kept: %v", volume)
	}
	if c.claim("space", "waits") == nil {
		t.Error("the claim that waits is not known")
	}
}

func TestAListThatTheServerRefusesIsAnErrorOfIt(t *testing.T) {
	listing := listingFrom(t, map[string]func(http.ResponseWriter){
		"/api/v1/persistentvolumes": func(w http.ResponseWriter) { w.WriteHeader(http.StatusForbidden) },
	})
	_, err := volumesListed(t, listing)
	if err == nil {
		t.Error("a refusal passed for an empty list")
	}
}

func TestAListThatBreaksOffNamesItsResource(t *testing.T) {
	listing := listingFrom(t, map[string]func(http.ResponseWriter){
		"/api/v1/persistentvolumes": func(w http.ResponseWriter) {
			body := bodyOf(t, listOf(2))
			_, _ = w.Write(body[:len(body)/2])
		},
	})
	_, err := volumesListed(t, listing)
	expectWords(t, err, "persistentvolumes", "unexpected EOF")
}

func TestAListInJSONIsReadInOnePiece(t *testing.T) {
	asked := 0
	listing := listingFrom(t, map[string]func(http.ResponseWriter){
		"/api/v1/persistentvolumes": func(w http.ResponseWriter) {
			asked++
			w.Header().Set("Content-Type", runtime.ContentTypeJSON)
			_, _ = w.Write([]byte(`{"kind":"PersistentVolumeList","apiVersion":"v1","metadata":{},"items":[]}`))
		},
	})
	got, err := volumesListed(t, listing, nfsVolume("pv-1", "nas", "/export/a"))
	list, ok := got.(*v1.PersistentVolumeList)
	if err != nil || !ok || len(list.Items) != 1 || asked != 1 {
		t.Errorf("got %v, %v; asked %d times", got, err, asked)
	}
}
