package controller

import (
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/klog/v2"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/nfs-provisioner/nfs-provisioner/internal/inventory"
	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
	"github.com/nfs-provisioner/nfs-provisioner/internal/usage"
)

// scrape reads /metrics as Prometheus does.
func (r *runner) scrape(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	w := httptest.NewRecorder()
	r.metrics.handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(w.Body)
	if err != nil || w.Code != http.StatusOK {
		t.Fatalf("status %d, %v", w.Code, err)
	}
	return families
}

func TestOurMetricsAreNamedAsPrometheusWantsIt(t *testing.T) {
	r, _ := rounding(t, share.Options{})
	families, err := r.metrics.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestEveryMetricThatIsPromisedIsThere(t *testing.T) {
	r, on := rounding(t, share.Options{})
	if err := r.check(t.Context(), on, nil); err != nil {
		t.Fatal(err)
	}
	r.round(t.Context(), on)
	r.library = r.newLibrary(klog.Background())
	r.metrics.library.PersistentVolumeClaimProvisionTotal.WithLabelValues("", "").Inc()
	families := r.scrape(t)
	for _, name := range []string{
		"controller_persistentvolumeclaim_provision_total",
		"workqueue_depth", "workqueue_queue_duration_seconds", "workqueue_work_duration_seconds", "workqueue_retries_total",
		"nfs_provisioner_build_info", "nfs_provisioner_leader", "nfs_provisioner_claims_failing", "nfs_provisioner_deletions_failing",
		"nfs_provisioner_share_up", "nfs_provisioner_share_operation_duration_seconds", "nfs_provisioner_share_errors_total",
		"nfs_provisioner_share_places_in_use", "nfs_provisioner_share_size_bytes", "nfs_provisioner_share_free_bytes",
		"nfs_provisioner_directories", "nfs_provisioner_directories_capacity_bytes", "nfs_provisioner_share_removals", "nfs_provisioner_share_removed_files_total",
		"go_goroutines", "process_resident_memory_bytes",
	} {
		if families[name] == nil {
			t.Errorf("%s is missing", name)
		}
	}
	for _, queue := range []string{"claims", "volumes"} {
		if !slices.ContainsFunc(families["workqueue_depth"].GetMetric(), func(m *dto.Metric) bool { return labelled(m, []string{queue}) }) {
			t.Errorf("the queue of %s is missing", queue)
		}
	}
}

func TestEveryMetricAndNoOtherIsDocumented(t *testing.T) {
	r, on := rounding(t, share.Options{})
	if err := r.check(t.Context(), on, nil); err != nil {
		t.Fatal(err)
	}
	r.metrics.shares.promise(on, r.promises)
	r.round(t.Context(), on)
	r.metrics.usage.show(map[string]usage.Known{"gold": {}})
	r.metrics.usage.looked.WithLabelValues("first").Inc()
	if err := r.metrics.ask("volumes_in_flight", "As prepare does.", r.gate.passing); err != nil {
		t.Fatal(err)
	}
	const place = "docs/operations.md"
	text, err := os.ReadFile("../../" + place)
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `("+namespace+"_[a-z_]+)` \\|").FindAllStringSubmatch(string(text), -1) {
		documented[row[1]] = true
	}
	exported := r.scrape(t)
	for name := range exported {
		if strings.HasPrefix(name, namespace+"_") && !documented[name] {
			t.Errorf("%s has no line for %s", place, name)
		}
	}
	for name := range documented {
		if exported[name] == nil {
			t.Errorf("%s has a line for %s, which is not exported", place, name)
		}
	}
	for _, kind := range share.ErrorKinds() {
		if !strings.Contains(string(text), "\n| `"+string(kind)+"` |") {
			t.Errorf("%s has no line for errors of the kind %s", place, kind)
		}
	}
	for _, state := range inventory.States() {
		if !strings.Contains(string(text), "\n| `"+string(state)+"` |") {
			t.Errorf("%s has no line for the state %s", place, state)
		}
	}
}

// What is written by whoever makes claims must not become a label: it would
// have as many values as he likes.
func TestNoLabelIsOfAClaimsMaking(t *testing.T) {
	const marked = "marked"
	r, on := rounding(t, share.Options{})
	made := oldRecord(t, "pv-"+marked, marked)
	made.Class, made.Claim.Namespace = marked, marked
	makeOld(t, on, made)
	if _, err := on.Make(t.Context(), oldRecord(t, "pv-2", marked+"/inside"), share.MakeOptions{}); err == nil {
		t.Fatal("the directory belongs to nobody")
	}
	if err := r.check(t.Context(), on, nil); err != nil {
		t.Fatal(err)
	}
	r.round(t.Context(), on)
	for _, counter := range []func(class, source string){
		func(class, source string) {
			r.metrics.library.PersistentVolumeClaimProvisionFailedTotal.WithLabelValues(class, source).Inc()
		},
		func(class, _ string) { r.metrics.library.PersistentVolumeDeleteTotal.WithLabelValues(class).Inc() },
	} {
		counter(marked, marked+"Kind")
		counter(marked+"2", "VolumeSnapshot")
	}
	r.metrics.usage.show(map[string]usage.Known{marked: {Volumes: 1}})
	labels := []string{
		"share", "operation", "error", "state", "class", "source", "version", "goversion", "le", "name",
		"code", "method", "verb", "host", "result", "reason", "stability_level", "deprecated_version", "quantile", "call_status",
	}
	for name, family := range r.scrape(t) {
		for _, m := range family.GetMetric() {
			for _, l := range m.GetLabel() {
				if !slices.Contains(labels, l.GetName()) || strings.Contains(l.GetValue(), marked) {
					t.Errorf("%s has the label %s", name, l)
				}
			}
		}
	}
	if got := r.metric(t, "controller_persistentvolumeclaim_provision_failed_total", "other"); got != 1 {
		t.Errorf("%v failures of other classes and sources, want 1", got)
	}
}

func TestOnlyTheLeaderTellsOfShares(t *testing.T) {
	r, _ := rounding(t, share.Options{})
	r.election = &election{}
	for name := range r.scrape(t) {
		if name == "nfs_provisioner_share_up" || name == "nfs_provisioner_directories" {
			t.Errorf("a process that stands by tells %s, of which it knows nothing", name)
		}
	}
	if got := r.metric(t, "nfs_provisioner_leader"); got != 0 {
		t.Errorf("leader is %v", got)
	}
	r.election.leading.Store(true)
	if up, leader := r.metric(t, "nfs_provisioner_share_up", "first"), r.metric(t, "nfs_provisioner_leader"); up != 1 || leader != 1 {
		t.Errorf("of the leader: up %v, leader %v", up, leader)
	}
}

func TestOperationsAndErrorsAreCountedByKind(t *testing.T) {
	r, on := rounding(t, share.Options{})
	if err := on.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := on.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if on.Check(t.Context()) == nil {
		t.Fatal("a closed share was looked at")
	}
	if got := r.metric(t, "nfs_provisioner_share_errors_total", "first", "busy"); got != 1 {
		t.Errorf("%v errors", got)
	}
	for _, m := range r.scrape(t)["nfs_provisioner_share_operation_duration_seconds"].GetMetric() {
		if want := labelled(m, []string{"check"}); (m.GetHistogram().GetSampleCount() == 1) != want {
			t.Errorf("%v", m)
		}
	}
}

func TestMeasuringAllocatesNothing(t *testing.T) {
	r, _ := rounding(t, share.Options{})
	o := r.metrics.shares.observer("first")
	if n := testing.AllocsPerRun(1000, func() { o.Returned("make", time.Millisecond); o.Failed(share.KindFull); o.Removed() }); n != 0 {
		t.Errorf("%v allocations an operation", n)
	}
}

func TestWhatVolumesPromiseAndDirectoriesKeepIsShown(t *testing.T) {
	bound := nfsVolume("pv-1", "nas", "/export/bound")
	bound.Spec.Capacity = v1.ResourceList{v1.ResourceStorage: resource.MustParse("3Gi")}
	r, on := rounding(t, share.Options{}, bound)
	for _, volume := range []string{"pv-2", "pv-3"} {
		record := oldRecord(t, volume, volume)
		record.Capacity = "2Gi"
		makeOld(t, on, record)
		if _, err := on.Archive(t.Context(), share.Volume{Name: volume, Cluster: r.cluster, Claim: record.Claim, Directory: record.Directory}); err != nil {
			t.Fatal(err)
		}
	}
	r.round(t.Context(), on)
	r.metrics.shares.promise(on, r.promises)
	for name, want := range map[string]float64{"share_volumes": 1, "share_promised_bytes": 3 << 30} {
		if got := r.metric(t, "nfs_provisioner_"+name, "first"); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	for state, want := range map[string]float64{"archived": 4 << 30, "trash": 0} {
		if got := r.metric(t, "nfs_provisioner_directories_capacity_bytes", "first", state); got != want {
			t.Errorf("%s promised %v, want %v", state, got, want)
		}
	}
}
