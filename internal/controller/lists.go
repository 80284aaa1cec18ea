package controller

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// lists list all objects of a kind, of which each is reduced to what is kept of it
// as soon as it has arrived, and watch them. A list that is decoded in one piece
// needs several times the memory of what is kept; a stream of watch events
// (WatchList), or a list in pages, costs the API server and us twice the time.
type lists struct{ *cache.ListWatch }

// IsWatchListSemanticsUnSupported tells a cache not to ask for a stream of events.
func (lists) IsWatchListSemanticsUnSupported() bool { return true }

// A message is a pointer to an object that protobuf has a form for.
type message[T any] interface {
	*T
	runtime.Object
	Unmarshal([]byte) error
}

// A kind lists and watches objects as typed clients do.
type kind[L runtime.Object] interface {
	List(ctx context.Context, options metav1.ListOptions) (L, error)
	Watch(ctx context.Context, options metav1.ListOptions) (watch.Interface, error)
}

// arriving lists and watches a kind. Without a client for lists, such as a fake
// clientset has none, a list comes in one piece.
func arriving[T any, M message[T], L runtime.Object](of kind[L], listing rest.Interface, resource string, keep func(runtime.Object) runtime.Object) lists {
	// A cache asks for a list that is not older than what it knows. One that names no
	// version is as new as can be.
	list := func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		if listing == nil {
			return of.List(ctx, options)
		}
		body, err := listing.Get().Resource(resource).Stream(ctx)
		if err != nil {
			return nil, err
		}
		defer body.Close() //nolint:errcheck // it was read
		all := &internalversion.List{}
		all.ListMeta, err = readList(body, func(item []byte) error {
			object := M(new(T))
			if err := object.Unmarshal(item); err != nil {
				return err
			}
			all.Items = append(all.Items, keep(object))
			return nil
		})
		if errors.Is(err, errNotAList) {
			return of.List(ctx, options) // what is between us and the API server may speak JSON alone
		}
		if err != nil {
			return nil, fmt.Errorf("read the list of %s: %w", resource, err)
		}
		return all, nil
	}
	return lists{&cache.ListWatch{ListWithContextFunc: list, WatchFuncWithContext: of.Watch}}
}
