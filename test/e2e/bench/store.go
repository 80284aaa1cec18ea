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

// atOnce is how many operations etcd takes in one transaction.
const atOnce = 128

func (s *store) put(ctx context.Context, objects []stored) error {
	for len(objects) > 0 {
		some := objects[:min(atOnce, len(objects))]
		objects = objects[len(some):]
		operations := make([]clientv3.Op, 0, len(some))
		for _, o := range some {
			operations = append(operations, clientv3.OpPut(o.key, o.value))
		}
		if _, err := s.client.Txn(ctx).Then(operations...).Commit(); err != nil {
			return fmt.Errorf("write %d objects to etcd: %w", len(some), err)
		}
	}
	return nil
}

// remove removes everything below some prefixes, at once.
func (s *store) remove(ctx context.Context, prefixes ...string) error {
	var operations []clientv3.Op
	for _, p := range prefixes {
		operations = append(operations, clientv3.OpDelete(p, clientv3.WithPrefix()))
	}
	if _, err := s.client.Txn(ctx).Then(operations...).Commit(); err != nil {
		return fmt.Errorf("remove %q from etcd: %w", prefixes, err)
	}
	return nil
}
