package controller

import (
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

func TestRequestsAtOnceHaveConnectionsThatAreKept(t *testing.T) {
	const atOnce = 40 // client-go keeps 25
	var made, overHTTP2 atomic.Int64
	var waiting sync.WaitGroup
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		overHTTP2.Add(int64(r.ProtoMajor - 1))
		waiting.Done()
		waiting.Wait()
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"kind":"PersistentVolume","apiVersion":"v1"}`))
	}))
	server.EnableHTTP2 = true
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			made.Add(1)
		}
	}
	server.StartTLS()
	defer server.Close()
	config := &rest.Config{Host: server.URL, QPS: -1, TLSClientConfig: rest.TLSClientConfig{
		CAData: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}),
	}}
	closeIdle := separately(config, atOnce)
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		waiting.Add(atOnce)
		var group sync.WaitGroup
		for range atOnce {
			group.Go(func() {
				if _, err := client.CoreV1().PersistentVolumes().Get(t.Context(), "pv", metav1.GetOptions{}); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
	}
	if made.Load() != atOnce || overHTTP2.Load() != 0 {
		t.Errorf("%d connections for %d requests at once, thrice; %d requests over HTTP/2", made.Load(), atOnce, overHTTP2.Load())
	}
	// The last one may not be idle yet when its answer is here.
	for tries := 0; made.Load() == atOnce && tries < 100; tries++ {
		closeIdle()
		waiting.Add(1)
		if _, err := client.CoreV1().PersistentVolumes().Get(t.Context(), "pv", metav1.GetOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if made.Load() == atOnce {
		t.Error("connections that are idle are not closed")
	}
}
