package controller

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	v1 "k8s.io/api/core/v1"

	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
	"github.com/nfs-provisioner/nfs-provisioner/internal/usage"
)

// usageMetrics are what the leader knows of what volumes hold.
type usageMetrics struct {
	looked *prometheus.CounterVec
	// Of each class:
	volumes, bytes, over *prometheus.GaugeVec
}

func newUsageMetrics(class func(name string) bool) usageMetrics {
	labels := prometheus.ConstrainedLabels{{Name: "class", Constraint: func(name string) string { return bounded(name, class) }}}
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.V2.NewGaugeVec(prometheus.GaugeVecOpts{
			GaugeOpts: prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, VariableLabels: labels,
		})
	}
	return usageMetrics{
		looked: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "measured_files_total", Help: "Files and folders that were looked at to know what volumes hold.",
		}, []string{"share"}),
		volumes: gauge("measured_volumes", "Volumes of which it is known what they hold."),
		bytes:   gauge("used_bytes", "Bytes that these volumes held when they were measured last."),
		over:    gauge("volumes_over_capacity", "Volumes that held more than their capacity when they were measured last."),
	}
}

func (m usageMetrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.looked, m.volumes, m.bytes, m.over}
}

// show replaces what was known of all classes. Classes that are not known any
// more are one.
func (m usageMetrics) show(known map[string]usage.Known) {
	for _, v := range []*prometheus.GaugeVec{m.volumes, m.bytes, m.over} {
		v.Reset()
	}
	for class, k := range known {
		m.volumes.WithLabelValues(class).Add(float64(k.Volumes))
		m.bytes.WithLabelValues(class).Add(k.Bytes)
		m.over.WithLabelValues(class).Add(float64(k.Over))
	}
}

// measures says whether there is a share whose volumes are to be measured.
func (r *runner) measures() bool {
	return slices.ContainsFunc(r.Shares, func(l share.Location) bool { return l.UsageInterval > 0 })
}

func (r *runner) newMeter() *usage.Meter {
	return usage.New(usage.Config{
		Client:  r.main,
		Volumes: r.ownVolumes,
		Volume: func(name string) *v1.PersistentVolume {
			volume, _ := r.ownVolume(name)
			return volume
		},
		Locate: r.gate.Locate,
		Events: r.recorder,
		Looked: func(share string, files int) { r.metrics.usage.looked.WithLabelValues(share).Add(float64(files)) },
		Show:   r.metrics.usage.show,
	})
}

// ownVolumes lists the volumes of ours.
func (r *runner) ownVolumes() []*v1.PersistentVolume {
	return slices.DeleteFunc(r.caches.all(), func(v *v1.PersistentVolume) bool { return !r.caches.owns(v) })
}
