package controller

import (
	"errors"
	"net/http"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/nfs-provisioner/nfs-provisioner/internal/inventory"
	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

// namespace begins the names of all metrics of our own.
const namespace = "nfs_provisioner"

// metrics are what /metrics shows. No label names a claim, a volume or a path.
type metrics struct {
	registry    *prometheus.Registry
	directories *prometheus.GaugeVec
	inventoried *prometheus.GaugeVec
	reclaimed   *prometheus.CounterVec
	expired     *prometheus.CounterVec
	expirable   *prometheus.GaugeVec
}

func newMetrics(version string, shares []*share.Share) (*metrics, error) {
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, append([]string{"share"}, labels...))
	}
	counter := func(name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, []string{"share"})
	}
	m := &metrics{
		registry:    prometheus.NewRegistry(),
		directories: gauge("directories", "Directories and volumes of a share by what the leader's last inventory found them to be.", "state"),
		inventoried: gauge("inventory_timestamp_seconds", "When the leader's last inventory of a share was complete."),
		reclaimed:   counter("reclaimed_directories_total", "Empty directories of volumes that never came to be, left by a crash and taken back."),
		expired:     counter("expired_archives_total", "Archives that were removed because they were older than archiveRetention."),
		expirable:   gauge("expirable_archives", "Archives that a dry run of archiveRetention would have removed."),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info", Help: "Always 1; its labels say what runs.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
	})
	build.Set(1)
	var problems []error
	for _, c := range []prometheus.Collector{
		m.directories, m.inventoried, m.reclaimed, m.expired, m.expirable, build, shareCollector(shares),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		problems = append(problems, m.registry.Register(c))
	}
	for _, s := range shares {
		m.reclaimed.WithLabelValues(s.Name)
		m.expired.WithLabelValues(s.Name)
	}
	return m, errors.Join(problems...)
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// took shows what an inventory has found.
func (m *metrics) took(on *share.Share, items []inventory.Item) {
	for state, count := range inventory.Count(items) {
		m.directories.WithLabelValues(on.Name, string(state)).Set(float64(count))
	}
	m.inventoried.WithLabelValues(on.Name).SetToCurrentTime()
}

// shareCollector asks the shares how they fare when it is asked.
type shareCollector []*share.Share

var (
	upDesc       = shareDesc("share_up", "1 if the last operation on a share found it fit for use, 0 if not.")
	inUseDesc    = shareDesc("share_places_in_use", "Operations on a share that are running.")
	placesDesc   = shareDesc("share_places", "Operations on a share that may run at once.")
	stuckDesc    = shareDesc("share_operations_stuck", "Operations on a share that have outlived their deadline and not come back.")
	removalsDesc = shareDesc("share_removals", "Deleted volumes whose data is being removed.")
	removedDesc  = shareDesc("share_removed_files", "Files and folders that the removals under way have removed so far.")
)

func shareDesc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc(namespace+"_"+name, help, []string{"share"}, nil)
}

// Describe lists what Collect gives.
func (shareCollector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{upDesc, inUseDesc, placesDesc, stuckDesc, removalsDesc, removedDesc} {
		to <- d
	}
}

// Collect gives the figures of the moment.
func (c shareCollector) Collect(to chan<- prometheus.Metric) {
	for _, s := range c {
		health, up := s.Health(), 0.0
		if health.Fault == nil {
			up = 1
		}
		var removals, removed float64
		for _, r := range s.Removals() {
			removals++
			removed += float64(r.Removed)
		}
		for desc, value := range map[*prometheus.Desc]float64{
			upDesc: up, inUseDesc: float64(health.InUse), placesDesc: float64(health.Places), stuckDesc: float64(health.Stuck),
			removalsDesc: removals, removedDesc: removed,
		} {
			to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, s.Name)
		}
	}
}
