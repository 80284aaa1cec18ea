package controller

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/nfs-provisioner/nfs-provisioner/internal/inventory"
	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

// shareMetrics are what the leader finds out about shares while it works.
type shareMetrics struct {
	operations  *prometheus.HistogramVec
	errors      *prometheus.CounterVec
	volumes     *prometheus.GaugeVec
	promised    *prometheus.GaugeVec
	directories *prometheus.GaugeVec
	capacity    *prometheus.GaugeVec
	inventoried *prometheus.GaugeVec
	reclaimed   *prometheus.CounterVec
	expired     *prometheus.CounterVec
	expirable   *prometheus.GaugeVec
	removed     *prometheus.CounterVec
}

// operationBuckets are upper limits in seconds: a healthy server takes
// milliseconds, and the default deadline is 30 s.
var operationBuckets = []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30}

func newShareMetrics(shares []share.Location) shareMetrics {
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, append([]string{"share"}, labels...))
	}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, append([]string{"share"}, labels...))
	}
	m := shareMetrics{
		operations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: "share_operation_duration_seconds", Buckets: operationBuckets,
			Help: "How long operations were on a share, without the time that they waited for a place. One that hangs is not in it until it comes back.",
		}, []string{"share", "operation"}),
		errors:      counter("share_errors_total", "Operations on a share, and removals in the background, that failed, by the kind of the error.", "error"),
		volumes:     gauge("share_volumes", "Volumes of the cluster that lie on a share, whoever made them."),
		promised:    gauge("share_promised_bytes", "Capacity that the volumes of the cluster on a share promise together."),
		directories: gauge("directories", "Directories and volumes of a share by what the leader's last inventory found them to be.", "state"),
		capacity:    gauge("directories_capacity_bytes", "Capacity that was promised to the volumes of directories, by state, as their records tell it; what the directories hold is not measured.", "state"),
		inventoried: gauge("inventory_timestamp_seconds", "When the leader's last inventory of a share was complete."),
		reclaimed:   counter("reclaimed_directories_total", "Empty directories of volumes that never came to be, left by a crash and taken back."),
		expired:     counter("expired_archives_total", "Archives that were removed because they were older than archiveRetention."),
		removed:     counter("share_removed_files_total", "Files and folders of deleted volumes and of archives that were removed."),
		expirable:   gauge("expirable_archives", "Archives that a dry run of archiveRetention would have removed."),
	}
	for _, s := range shares {
		m.reclaimed.WithLabelValues(s.Name)
		m.expired.WithLabelValues(s.Name)
	}
	return m
}

func (m shareMetrics) all() []prometheus.Collector {
	return []prometheus.Collector{
		m.operations, m.errors, m.volumes, m.promised, m.directories, m.capacity, m.inventoried, m.reclaimed, m.expired, m.expirable, m.removed,
	}
}

// observer counts and measures the operations of one share. Nothing is looked
// up by more than a word then, and nothing is locked.
func (m shareMetrics) observer(name string) share.Observer {
	took, failures := map[string]prometheus.Observer{}, map[share.ErrorKind]prometheus.Counter{}
	for _, operation := range share.Operations() {
		took[operation] = m.operations.WithLabelValues(name, operation)
	}
	for _, kind := range share.ErrorKinds() {
		failures[kind] = m.errors.WithLabelValues(name, string(kind))
	}
	return share.Observer{
		Returned: func(operation string, d time.Duration) {
			if histogram, known := took[operation]; known {
				histogram.Observe(d.Seconds())
			}
		},
		Failed: func(kind share.ErrorKind) {
			if counter, known := failures[kind]; known {
				counter.Inc()
			}
		},
		Removed: m.removed.WithLabelValues(name).Inc,
	}
}

// promise shows what the volumes of the cluster promise.
func (m shareMetrics) promise(on *share.Share, p *promises) {
	volumes, bytes := p.Promised(on.Name)
	m.volumes.WithLabelValues(on.Name).Set(float64(volumes))
	m.promised.WithLabelValues(on.Name).Set(bytes)
}

// took shows what an inventory has found.
func (m shareMetrics) took(on *share.Share, items []inventory.Item) {
	capacity, counted := map[inventory.State]float64{}, map[string]bool{}
	for _, i := range items {
		if counted[i.Directory] {
			continue // several volumes share it
		}
		counted[i.Directory] = true
		if promised, err := resource.ParseQuantity(i.Record.Capacity); err == nil {
			capacity[i.State] += promised.AsApproximateFloat64()
		}
	}
	for state, count := range inventory.Count(items) {
		m.directories.WithLabelValues(on.Name, string(state)).Set(float64(count))
		m.capacity.WithLabelValues(on.Name, string(state)).Set(capacity[state])
	}
	m.inventoried.WithLabelValues(on.Name).SetToCurrentTime()
}

// shareCollector tells how shares fare when it is asked, and does not ask them.
// Only the process that works on them knows.
type shareCollector struct {
	shares []*share.Share
	leads  func() bool
}

var (
	upDesc         = shareDesc("share_up", "1 if the last operation on a share found it fit for use, 0 if not.")
	inUseDesc      = shareDesc("share_places_in_use", "Operations on a share that are running.")
	placesDesc     = shareDesc("share_places", "Operations on a share that may run at once.")
	stuckDesc      = shareDesc("share_operations_stuck", "Operations on a share that have outlived their deadline and not come back.")
	removalsDesc   = shareDesc("share_removals", "Deleted volumes whose data is being removed.")
	sizeDesc       = shareDesc("share_size_bytes", "Size of a share's file system, as its server tells it.")
	freeDesc       = shareDesc("share_free_bytes", "Space of a share's file system that is left to users that are not root.")
	inodesDesc     = shareDesc("share_inodes", "Inodes of a share's file system, 0 where the server does not tell.")
	freeInodesDesc = shareDesc("share_free_inodes", "Inodes of a share's file system that are left.")
)

func shareDesc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc(namespace+"_"+name, help, []string{"share"}, nil)
}

// Describe lists what Collect gives.
func (shareCollector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		upDesc, inUseDesc, placesDesc, stuckDesc, removalsDesc, sizeDesc, freeDesc, inodesDesc, freeInodesDesc,
	} {
		to <- d
	}
}

// Collect gives the figures of the moment.
func (c shareCollector) Collect(to chan<- prometheus.Metric) {
	if !c.leads() {
		return
	}
	for _, s := range c.shares {
		health, up := s.Health(), 0.0
		if health.Fault == nil {
			up = 1
		}
		removals := 0
		for _, r := range s.Removals() {
			if !r.Ended {
				removals++
			}
		}
		show := func(desc *prometheus.Desc, value float64) {
			to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, s.Name)
		}
		show(upDesc, up)
		show(inUseDesc, float64(health.InUse))
		show(placesDesc, float64(health.Places))
		show(stuckDesc, float64(health.Stuck))
		show(removalsDesc, float64(removals))
		if space := health.Space; !space.At.IsZero() {
			show(sizeDesc, float64(space.Size))
			show(freeDesc, float64(space.Free))
			show(inodesDesc, float64(space.Inodes))
			show(freeInodesDesc, float64(space.FreeInodes))
		}
	}
}
