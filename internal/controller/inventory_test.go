package controller

import (
	"slices"
	"testing"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

func TestAllVolumesAreListedHoweverManyPagesTheyTake(t *testing.T) {
	page := func(next string, names ...string) *v1.PersistentVolumeList {
		list := &v1.PersistentVolumeList{ListMeta: metav1.ListMeta{Continue: next}}
		for _, name := range names {
			list.Items = append(list.Items, v1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: name}})
		}
		return list
	}
	first, second, all := page("next", "pv-1", "pv-2"), page("", "pv-3"), page("", "pv-1", "pv-2", "pv-3")
	for name, answer := range map[string]func(o metav1.ListOptions) (runtime.Object, error){
		"one page": func(metav1.ListOptions) (runtime.Object, error) { return all, nil },
		"two pages": func(o metav1.ListOptions) (runtime.Object, error) {
			if o.Continue == "" {
				return first, nil
			}
			return second, nil
		},
		"a second page that has expired": func(o metav1.ListOptions) (runtime.Object, error) {
			switch {
			case o.Continue != "":
				return nil, apierrors.NewResourceExpired("too old")
			case o.Limit > 0:
				return first, nil
			default:
				return all, nil
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			client := fake.NewClientset()
			client.PrependReactor("list", "persistentvolumes", func(a clienttesting.Action) (bool, runtime.Object, error) {
				options, ok := a.(clienttesting.ListActionImpl)
				if !ok {
					t.Fatalf("asked by a %T", a)
				}
				list, err := answer(options.ListOptions)
				return true, list, err
			})
			volumes, err := listVolumes(t.Context(), client)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, v := range volumes {
				names = append(names, v.Name)
			}
			if want := []string{"pv-1", "pv-2", "pv-3"}; !slices.Equal(names, want) {
				t.Errorf("got %v, want %v", names, want)
			}
		})
	}
}
