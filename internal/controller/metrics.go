package controller

import (
	"errors"
	"net/http"
	"runtime"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"k8s.io/component-base/metrics/legacyregistry"
	_ "k8s.io/component-base/metrics/prometheus/restclient" // what client-go asks of the API server
	_ "k8s.io/component-base/metrics/prometheus/workqueue"  // the library's queues

	"github.com/nfs-provisioner/nfs-provisioner/internal/expand"
	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

// namespace begins the names of all metrics of our own.
const namespace = "nfs_provisioner"

// metrics are what /metrics shows: our own, the library's, and those that every
// component of Kubernetes has of its queues, its requests, Go and its process.
//
// Their number is bounded by the shares and the classes: no label has a value
// that whoever writes claims or files could choose. To show them touches no
// share and asks nobody.
type metrics struct {
	registry *prometheus.Registry
	library  libraryMetrics
	shares   shareMetrics
	// expansions are attempts to expand claims, by what came of them.
	expansions *prometheus.CounterVec
	usage      usageMetrics
}

// newMetrics makes the metrics of these shares. Of the names of classes, only
// those that class knows become labels.
func newMetrics(version string, shares []share.Location, class func(name string) bool) (*metrics, error) {
	m := &metrics{registry: prometheus.NewRegistry(), library: newLibraryMetrics(class), shares: newShareMetrics(shares), usage: newUsageMetrics(class)}
	m.expansions = prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: namespace, Name: "expansions_total", Help: "Attempts to expand a claim, by what came of them.",
	}, []string{"result"})
	for _, outcome := range []expand.Outcome{expand.Succeeded, expand.Failed, expand.Refused} {
		m.expansions.WithLabelValues(string(outcome))
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info", Help: "Always 1; its labels say what runs.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
	})
	build.Set(1)
	return m, m.register(slices.Concat(m.library.all(), m.shares.all(), m.usage.all(), []prometheus.Collector{m.expansions, build})...)
}

// expanded counts an attempt to expand a claim.
func (m *metrics) expanded(outcome expand.Outcome) {
	m.expansions.WithLabelValues(string(outcome)).Inc()
}

// buildMetrics makes those of this process.
func (r *runner) buildMetrics() (err error) {
	known := func(class string) bool { _, err := r.caches.class(class); return err == nil }
	if r.metrics, err = newMetrics(r.Version, r.Shares, known); err != nil {
		return err
	}
	return errors.Join(
		r.metrics.ask("leader", "1 if this process does the work, 0 if it stands by.", func() float64 {
			if r.leads() {
				return 1
			}
			return 0
		}),
		r.metrics.ask("claims_failing", "Claims whose last attempt to get a volume failed, and that wait for the next.", r.work.claims.count),
		r.metrics.ask("deletions_failing", "Deleted volumes whose last attempt to be removed failed, and that wait for the next.", r.work.deletions.count),
	)
}

func (m *metrics) register(all ...prometheus.Collector) error {
	var problems []error
	for _, c := range all {
		problems = append(problems, m.registry.Register(c))
	}
	return errors.Join(problems...)
}

// ask registers a gauge that is asked for its value when it is shown.
func (m *metrics) ask(name, help string, value func() float64) error {
	return m.register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, value))
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(prometheus.Gatherers{m.registry, legacyregistry.DefaultGatherer}, promhttp.HandlerOpts{})
}
