package controller

import (
	"github.com/prometheus/client_golang/prometheus"
	libmetrics "sigs.k8s.io/sig-storage-lib-external-provisioner/v10/controller/metrics"
)

// libraryMetrics are those of sig-storage-lib, by the names that it gives them
// and that dashboards of other provisioners know. The library's own would take
// the class and the source of data from the claim as they stand there, and
// whoever writes claims could make them as many as he likes.
type libraryMetrics libmetrics.Metrics

func newLibraryMetrics(class func(name string) bool) libraryMetrics {
	const subsystem = "controller"
	ofClass := prometheus.ConstrainedLabels{{Name: "class", Constraint: func(name string) string { return bounded(name, class) }}}
	ofClaim := append(ofClass, prometheus.ConstrainedLabel{Name: "source", Constraint: func(kind string) string { return bounded(kind, isSource) }})
	counter := func(name, help string, labels prometheus.ConstrainedLabels) *prometheus.CounterVec {
		return prometheus.V2.NewCounterVec(prometheus.CounterVecOpts{
			CounterOpts: prometheus.CounterOpts{Subsystem: subsystem, Name: name, Help: help}, VariableLabels: labels,
		})
	}
	histogram := func(name, help string, labels prometheus.ConstrainedLabels) *prometheus.HistogramVec {
		return prometheus.V2.NewHistogramVec(prometheus.HistogramVecOpts{
			HistogramOpts:  prometheus.HistogramOpts{Subsystem: subsystem, Name: name, Help: help, Buckets: prometheus.DefBuckets},
			VariableLabels: labels,
		})
	}
	return libraryMetrics{
		PersistentVolumeClaimProvisionTotal: counter("persistentvolumeclaim_provision_total",
			"Claims that got their volume.", ofClaim),
		PersistentVolumeClaimProvisionFailedTotal: counter("persistentvolumeclaim_provision_failed_total",
			"Attempts to give a claim its volume that ended without a new one.", ofClaim),
		PersistentVolumeClaimProvisionDurationSeconds: histogram("persistentvolumeclaim_provision_duration_seconds",
			"What the attempts took that gave a claim its volume.", ofClaim),
		PersistentVolumeDeleteTotal: counter("persistentvolume_delete_total",
			"Volumes that were deleted.", ofClass),
		PersistentVolumeDeleteFailedTotal: counter("persistentvolume_delete_failed_total",
			"Attempts to delete a volume that failed.", ofClass),
		PersistentVolumeDeleteDurationSeconds: histogram("persistentvolume_delete_duration_seconds",
			"What the attempts took that deleted a volume.", ofClass),
	}
}

func (m libraryMetrics) all() []prometheus.Collector {
	return []prometheus.Collector{
		m.PersistentVolumeClaimProvisionTotal, m.PersistentVolumeClaimProvisionFailedTotal, m.PersistentVolumeClaimProvisionDurationSeconds,
		m.PersistentVolumeDeleteTotal, m.PersistentVolumeDeleteFailedTotal, m.PersistentVolumeDeleteDurationSeconds,
	}
}

// bounded is a label's value, or "other" if it is none that is known.
func bounded(value string, known func(string) bool) string {
	if value == "" || known(value) {
		return value
	}
	return "other"
}

// isSource says whether a kind is one that Kubernetes itself fills claims from.
func isSource(kind string) bool { return kind == "PersistentVolumeClaim" || kind == "VolumeSnapshot" }
