package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// dispatched is the API server's count of the requests that it has executed.
const dispatched = "apiserver_flowcontrol_dispatched_requests_total"

// counts are requests by the FlowSchema that has matched them.
type counts map[string]float64

// parseCounts reads them from the API server's /metrics.
func parseCounts(text io.Reader) (counts, error) {
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(text)
	if err != nil {
		return nil, fmt.Errorf("read the API server's metrics: %w", err)
	}
	family, ok := families[dispatched]
	if !ok {
		return nil, fmt.Errorf("the API server has no metric %s", dispatched)
	}
	all := counts{}
	for _, m := range family.GetMetric() {
		all[label(m, "flow_schema")] += m.GetCounter().GetValue()
	}
	return all, nil
}

func label(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

// since is what has been counted after before was.
func (c counts) since(before counts) counts {
	difference := counts{}
	for name, n := range c {
		difference[name] = n - before[name]
	}
	return difference
}

// requests is how many of all those that are counted are no renewals of a lease.
func (c counts) requests() float64 {
	var sum float64
	for _, k := range countedKinds {
		if k.name != "lease" {
			sum += c[k.flowSchema()]
		}
	}
	return sum
}

// less is what is left without so many requests for volumes and claims.
func (c counts) less(n float64) counts {
	rest := maps.Clone(c)
	for _, k := range countedKinds {
		taken := min(n, rest[k.flowSchema()])
		rest[k.flowSchema()] -= taken
		n -= taken
	}
	return rest
}

func (c counts) text(n int) string {
	var b bytes.Buffer
	for _, k := range countedKinds {
		fmt.Fprintf(&b, " %s %s", k.name, figure(c[k.flowSchema()]/float64(n)))
	}
	return b.String()
}

func (b *bench) scrape(ctx context.Context) (counts, error) {
	text, err := b.client.CoreV1().RESTClient().Get().AbsPath("/metrics").SetHeader("Accept", "text/plain").DoRaw(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask for the API server's metrics: %w", err)
	}
	return parseCounts(bytes.NewReader(text))
}

// settled waits until the account asks for nothing any more, and returns the
// counts. Events come late.
func (b *bench) settled(ctx context.Context) (counts, error) {
	const looks, every = 3, time.Second
	tick := time.NewTicker(every)
	defer tick.Stop()
	var last counts
	for same := 0; same < looks; same++ {
		now, err := b.scrape(ctx)
		if err != nil {
			return nil, err
		}
		if last == nil || now.requests() != last.requests() {
			same = 0
		}
		last = maps.Clone(now)
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-tick.C:
		}
	}
	return last, nil
}
