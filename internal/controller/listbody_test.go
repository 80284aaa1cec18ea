package controller

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/kubernetes/scheme"
)

// bodyOf is an object as the API server sends it.
func bodyOf(t testing.TB, object runtime.Object) []byte {
	t.Helper()
	codec := scheme.Codecs.EncoderForVersion(protobuf.NewSerializer(scheme.Scheme, scheme.Scheme), v1.SchemeGroupVersion)
	data, err := runtime.Encode(codec, object)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func listOf(n int) *v1.PersistentVolumeList {
	list := &v1.PersistentVolumeList{ListMeta: metav1.ListMeta{ResourceVersion: "4711"}}
	for i := range n {
		list.Items = append(list.Items, *nfsVolume(fmt.Sprintf("pv-%d", i), "nas", fmt.Sprintf("/export/%d", i)))
	}
	return list
}

// volumesIn reads the volumes of a body.
func volumesIn(body []byte) (about metav1.ListMeta, volumes []v1.PersistentVolume, err error) {
	about, err = readList(bytes.NewReader(body), func(item []byte) error {
		var v v1.PersistentVolume
		if err := v.Unmarshal(item); err != nil {
			return err
		}
		volumes = append(volumes, v)
		return nil
	})
	return about, volumes, err
}

func TestAListIsReadAsItWasSent(t *testing.T) {
	for _, n := range []int{0, 1, 2, 1000} {
		sent := listOf(n)
		about, volumes, err := volumesIn(bodyOf(t, sent))
		if err != nil || about.ResourceVersion != "4711" || !reflect.DeepEqual(volumes, sent.Items) {
			t.Errorf("of %d volumes: got %d, version %q, %v", n, len(volumes), about.ResourceVersion, err)
		}
	}
}

func TestAListThatEndsTooEarlyIsNone(t *testing.T) {
	const n = 3
	body := bodyOf(t, listOf(n))
	for end := range body {
		_, volumes, err := volumesIn(body[:end])
		if err == nil && len(volumes) != n {
			t.Errorf("of %d bytes %d, with %d volumes, passed for the list", len(body), end, len(volumes))
		}
	}
}

func TestWhatIsNoListIsRefused(t *testing.T) {
	for name, body := range map[string]string{
		"nothing":              "",
		"JSON":                 `{"kind":"PersistentVolumeList","apiVersion":"v1","metadata":{},"items":[]}`,
		"an envelope alone":    protobufBegins,
		"a field of no length": protobufBegins + "\x12\x02\x08\x01",
		"no version":           string(bodyOf(t, &v1.PersistentVolumeList{})),
		"a page":               string(bodyOf(t, &v1.PersistentVolumeList{ListMeta: metav1.ListMeta{ResourceVersion: "1", Continue: "more"}})),
		"a part without end":   protobufBegins + "\x12\xff\xff\xff\xff\x7f\x12\xff\xff\xff\xff\x0f",
	} {
		if _, _, err := volumesIn([]byte(body)); !errors.Is(err, errNotAList) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestAnItemThatCannotBeReadEndsTheList(t *testing.T) {
	wrong, calls := errors.New("wrong"), 0
	_, err := readList(bytes.NewReader(bodyOf(t, listOf(2))), func([]byte) error { calls++; return wrong })
	if !errors.Is(err, wrong) || calls != 1 {
		t.Errorf("got %v after %d items", err, calls)
	}
}

func FuzzReadList(f *testing.F) {
	f.Add(bodyOf(f, listOf(0)))
	f.Add(bodyOf(f, listOf(2)))
	f.Add([]byte(strings.Repeat(protobufBegins, 2)))
	f.Fuzz(func(t *testing.T, body []byte) {
		_, volumes, err := volumesIn(body)
		if err != nil {
			return
		}
		// Whatever is read as a list is one to Kubernetes, and the same, unless its
		// envelope says that it is of another kind or holds none.
		object, _, err := protobuf.NewSerializer(scheme.Scheme, scheme.Scheme).Decode(body, nil, nil)
		if list, ok := object.(*v1.PersistentVolumeList); err == nil && ok && len(list.Items) != len(volumes) {
			t.Errorf("read %d volumes, Kubernetes %d", len(volumes), len(list.Items))
		}
	})
}
