package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A footprint is how much memory a provisioner had while it did something, in
// bytes: at the most, and at the most until a tenth of the time had passed.
type footprint struct{ most, early float64 }

// memoryWatch samples the resident set of a provisioner.
type memoryWatch struct {
	cancel context.CancelFunc
	ended  chan struct{}
	began  time.Time
	at     []time.Duration
	bytes  []float64
	err    error
}

// watchMemory begins to ask a pod for its resident set, by its metrics.
func (b *bench) watchMemory(ctx context.Context, pod string) (*memoryWatch, error) {
	p, err := b.client.CoreV1().Pods(namespace).Get(ctx, pod, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	url := "http://" + net.JoinHostPort(p.Status.PodIP, "8080") + "/metrics"
	ctx, cancel := context.WithCancel(ctx)
	w := &memoryWatch{cancel: cancel, ended: make(chan struct{}), began: time.Now()}
	go func() {
		defer close(w.ended)
		for {
			resident, err := residentOf(ctx, url)
			if err == nil {
				w.at, w.bytes = append(w.at, time.Since(w.began)), append(w.bytes, resident)
			} else if ctx.Err() == nil {
				w.err = err
			}
			if pause(ctx, lookEvery) != nil {
				return
			}
		}
	}()
	return w, nil
}

// stop ends the watch and says what it has seen.
func (w *memoryWatch) stop(of *footprint) error {
	took := time.Since(w.began)
	w.cancel()
	<-w.ended
	const tenth = 10
	for i, bytes := range w.bytes {
		of.most = max(of.most, bytes)
		if w.at[i] <= max(took/tenth, lookEvery) {
			of.early = max(of.early, bytes)
		}
	}
	if of.early == 0 {
		return errors.Join(errors.New("the provisioner does not tell its memory"), w.err)
	}
	return nil
}

// residentOf reads process_resident_memory_bytes.
func residentOf(ctx context.Context, url string) (bytes float64, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close() //nolint:errcheck // read to its end, or of no use
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), "process_resident_memory_bytes "); ok {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, errors.Join(fmt.Errorf("%s has no process_resident_memory_bytes", url), lines.Err())
}
