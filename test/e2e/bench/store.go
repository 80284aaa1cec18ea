package main

import (
	"bytes"
	"context"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/nfs-provisioner/nfs-provisioner/test/e2e/bench/loops"
)

// Where the API server keeps what it serves.
const (
	volumeKeys = "/registry/persistentvolumes/"
	claimKeys  = "/registry/persistentvolumeclaims/"
	eventKeys  = "/registry/events/"
)

// store is the etcd of the cluster. The benchmark puts the objects that are
// there before a measurement into it, and takes its objects out of it, past the
// API server, which takes minutes for as many. The API server tells its watchers
// of both as of anything else.
type store struct{ client *clientv3.Client }

func openStore(ctx context.Context, endpoint string) (*store, error) {
	client, err := clientv3.New(clientv3.Config{
		Endpoints: []string{endpoint}, DialTimeout: 5 * time.Second, Context: ctx,
		Logger:      zap.NewNop(),                        // errors are returned
		DialOptions: []grpc.DialOption{grpc.WithBlock()}, //nolint:staticcheck // so that an etcd that is not there is told of here
	})
	if err != nil {
		return nil, fmt.Errorf("reach the etcd of the test cluster at %s: %w", endpoint, err)
	}
	return &store{client}, nil
}

func (s *store) close() error { return s.client.Close() }

// revision counts everything that was ever written.
func (s *store) revision(ctx context.Context) (int64, error) {
	answer, err := s.client.Get(ctx, "/registry/health")
	if err != nil {
		return 0, fmt.Errorf("ask etcd for its revision: %w", err)
	}
	return answer.Header.Revision, nil
}

// A stored object is what etcd has of it.
type stored struct{ key, value string }

// stored is an object as the API server writes it. It must have its
// apiVersion and kind, and no resourceVersion.
func newStored(key string, object runtime.Object) (stored, error) {
	var b bytes.Buffer
	if err := protobuf.NewSerializer(scheme.Scheme, scheme.Scheme).Encode(object, &b); err != nil {
		return stored{}, fmt.Errorf("encode %s: %w", key, err)
	}
	return stored{key, b.String()}, nil
}

// atOnce is how many operations are under way. Each is one transaction: a watch
// that is resumed after a revision has missed the other objects of that revision,
// for the API server gives none to two.
const atOnce = 32

func (s *store) put(ctx context.Context, objects []stored) error {
	return loops.Parallel(atOnce, objects, func(o stored) error {
		if _, err := s.client.Put(ctx, o.key, o.value); err != nil {
			return fmt.Errorf("write %s to etcd: %w", o.key, err)
		}
		return nil
	})
}

// remove removes everything below some prefixes, one prefix after the other.
func (s *store) remove(ctx context.Context, prefixes ...string) error {
	for _, prefix := range prefixes {
		there, err := s.client.Get(ctx, prefix, clientv3.WithPrefix(), clientv3.WithKeysOnly())
		if err != nil {
			return fmt.Errorf("list %q in etcd: %w", prefix, err)
		}
		keys := make([]string, 0, len(there.Kvs))
		for _, pair := range there.Kvs {
			keys = append(keys, string(pair.Key))
		}
		if err := s.removeKeys(ctx, keys); err != nil {
			return err
		}
	}
	return nil
}

func (s *store) removeKeys(ctx context.Context, keys []string) error {
	return loops.Parallel(atOnce, keys, func(key string) error {
		if _, err := s.client.Delete(ctx, key); err != nil {
			return fmt.Errorf("remove %s from etcd: %w", key, err)
		}
		return nil
	})
}
