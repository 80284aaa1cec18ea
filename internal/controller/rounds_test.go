package controller

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/cache"

	dto "github.com/prometheus/client_model/go"

	"github.com/nfs-provisioner/nfs-provisioner/internal/provision"
	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

// rounding is a runner that makes rounds of one share.
func rounding(t *testing.T, options share.Options, volumes ...*v1.PersistentVolume) (*runner, *share.Share) {
	t.Helper()
	client := fake.NewClientset()
	for _, v := range volumes {
		if err := client.Tracker().Add(v); err != nil {
			t.Fatal(err)
		}
	}
	r := &runner{Config: valid(), clients: clients{main: client}, caches: cachesOf(t, volumes...), cluster: "cluster-1"}
	r.work = &work{waits: r.caches.waits}
	r.promises = newPromises([]share.Location{{Name: "first", Server: "nas", Path: "/export"}})
	for _, v := range volumes {
		r.promises.show(v)
	}
	if err := r.buildMetrics(); err != nil {
		t.Fatal(err)
	}
	options.Timeout, options.Places, options.Observer = time.Minute, 4, r.metrics.shares.observer("first")
	on := share.New(share.Location{Name: "first", Server: "nas", Path: "/export", Mount: t.TempDir()}, options)
	t.Cleanup(func() {
		if err := on.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	r.shares, r.loops = []*share.Share{on}, []*loops{{on: on}}
	if err := r.metrics.register(shareCollector{r.shares, r.leads}); err != nil {
		t.Fatal(err)
	}
	r.gate = newGate(provision.New(provision.Config{
		Shares: r.shares, Cluster: r.cluster, Claim: r.liveClaim, Volume: r.liveVolume, Overlapping: r.caches.overlapping,
		Ledger: r.promises.Ledger,
	}), r.caches.volume, r.work)
	return r, on
}

// oldRecord is that of a volume that was begun an hour ago.
func oldRecord(t *testing.T, volume, path string) share.Record {
	t.Helper()
	d, err := share.ParseDirectory(path)
	if err != nil {
		t.Fatal(err)
	}
	return share.Record{
		Cluster: "cluster-1", Volume: volume, Directory: d,
		Claim:   share.Claim{Namespace: "default", Name: path, UID: "uid-of-" + volume},
		Changed: time.Now().Add(-time.Hour),
	}
}

func makeOld(t *testing.T, on *share.Share, r share.Record) {
	t.Helper()
	if _, err := on.Make(t.Context(), r, share.MakeOptions{Mode: 0o777}); err != nil {
		t.Fatal(err)
	}
}

func there(t *testing.T, on *share.Share, path string) bool {
	t.Helper()
	_, err := os.Lstat(filepath.Join(on.Mount, path))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return err == nil
}

// metric is the value of a metric whose labels have all these values.
func (r *runner) metric(t *testing.T, name string, labels ...string) float64 {
	t.Helper()
	families, err := r.metrics.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			if labelled(m, labels) {
				return m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
		}
	}
	t.Fatalf("there is no metric %s of %v", name, labels)
	return 0
}

func labelled(m *dto.Metric, want []string) bool {
	has := map[string]bool{}
	for _, l := range m.GetLabel() {
		has[l.GetValue()] = true
	}
	for _, w := range want {
		if !has[w] {
			return false
		}
	}
	return true
}

func TestARoundTakesBackWhatACrashLeftAndCountsTheRest(t *testing.T) {
	bound := nfsVolume("pv-bound", "nas", "/export/bound")
	bound.Annotations = map[string]string{provision.AnnotationDirectory: "bound"}
	lost := nfsVolume("pv-lost", "nas", "/export/lost")
	lost.Annotations = map[string]string{provision.AnnotationDirectory: "lost"}
	r, on := rounding(t, share.Options{}, bound, lost)
	for _, name := range []string{"bound", "empty", "full"} {
		makeOld(t, on, oldRecord(t, "pv-"+name, name))
	}
	if err := os.WriteFile(filepath.Join(on.Mount, "full/file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r.round(t.Context(), on)
	if there(t, on, "empty") || !there(t, on, "full/file") || !there(t, on, "bound") {
		t.Error("only the empty directory of a volume that is not there may go")
	}
	for state, want := range map[string]float64{"bound": 1, "missing": 1, "orphan": 2, "trash": 0} {
		if got := r.metric(t, "nfs_provisioner_directories", "first", state); got != want {
			t.Errorf("%s: %v, want %v", state, got, want)
		}
	}
	if got := r.metric(t, "nfs_provisioner_reclaimed_directories_total", "first"); got != 1 {
		t.Errorf("%v were taken back", got)
	}
	r.round(t.Context(), on)
	if got := r.metric(t, "nfs_provisioner_directories", "first", "orphan"); got != 1 {
		t.Errorf("%v orphans after the second round", got)
	}
}

func TestARoundRemovesArchivesThatAreTooOld(t *testing.T) {
	for name, dry := range map[string]bool{"in earnest": false, "dry run": true} {
		t.Run(name, func(t *testing.T) {
			r, on := rounding(t, share.Options{})
			r.ArchiveRetentionDryRun = dry
			for volume, retention := range map[string]time.Duration{"pv-short": time.Nanosecond, "pv-long": time.Hour, "pv-ever": 0} {
				record := oldRecord(t, volume, volume)
				makeOld(t, on, record)
				if _, err := on.Archive(t.Context(), share.Volume{
					Name: volume, Cluster: r.cluster, Claim: record.Claim, Directory: record.Directory, ArchiveRetention: retention,
				}); err != nil {
					t.Fatal(err)
				}
			}
			for there(t, on, "archived-pv-short-pv-short") && !dry && t.Context().Err() == nil {
				r.round(t.Context(), on) // the record tells full seconds
			}
			if dry {
				for r.metric(t, "nfs_provisioner_expired_archives_total", "first") == 0 && t.Context().Err() == nil {
					r.round(t.Context(), on)
					if r.metric(t, "nfs_provisioner_expirable_archives", "first") == 1 {
						break
					}
				}
			}
			if there(t, on, "archived-pv-short-pv-short") != dry || !there(t, on, "archived-pv-long-pv-long") || !there(t, on, "archived-pv-ever-pv-ever") {
				t.Error("only the archive that is too old may go, and not in a dry run")
			}
			want := 1.0
			if dry {
				want = 0
			}
			if got := r.metric(t, "nfs_provisioner_expired_archives_total", "first"); got != want {
				t.Errorf("%v archives are counted, want %v", got, want)
			}
		})
	}
}

func TestTheProgressOfARemovalIsOnItsVolume(t *testing.T) {
	volume := nfsVolume("pv-1", "nas", "/export/db")
	removing := make(chan struct{})
	var on *share.Share
	var trashed atomic.Bool
	r, on := rounding(t, share.Options{Fence: func() error {
		if _, err := os.Lstat(filepath.Join(on.Mount, ".nfs-provisioner/trash/pv-1_record")); err == nil && trashed.Swap(true) {
			<-removing
		}
		return nil
	}}, volume)
	record := oldRecord(t, "pv-1", "db")
	makeOld(t, on, record)
	err := on.Remove(t.Context(), share.Volume{Name: "pv-1", Cluster: r.cluster, Claim: record.Claim, Directory: record.Directory})
	if !errors.Is(err, share.ErrRemoving) {
		t.Fatal(err)
	}
	says := func() string {
		v, err := r.main.CoreV1().PersistentVolumes().Get(t.Context(), "pv-1", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return v.Annotations[provision.AnnotationRemoval]
	}
	var looked []string
	r.volumes = cache.ResourceEventHandlerFuncs{UpdateFunc: func(_, o any) { looked = append(looked, o.(*v1.PersistentVolume).Name) }}
	if err := r.caches.volumes.GetStore().Add(volume); err != nil {
		t.Fatal(err)
	}
	began := on.Removals()[0].Began
	told := r.note(t.Context(), on, nil, began.Add(progressPeriod-time.Second), &r.loops[0].removals)
	if text := says(); text != "" {
		t.Errorf("too early: %q", text)
	}
	told = r.note(t.Context(), on, told, began.Add(progressPeriod), &r.loops[0].removals)
	if text := says(); !strings.Contains(text, "0 files and folders removed since") {
		t.Errorf("on its way: %q", text)
	}
	if len(looked) > 0 {
		t.Errorf("before its end the library looks at %v", looked)
	}
	close(removing)
	for !on.Removals()[0].Ended && t.Context().Err() == nil {
		runtime.Gosched()
	}
	told = r.note(t.Context(), on, told, began.Add(progressPeriod+time.Second), &r.loops[0].removals)
	r.note(t.Context(), on, told, began.Add(time.Hour), &r.loops[0].removals)
	if !slices.Equal(looked, []string{"pv-1"}) {
		t.Errorf("at its end the library looks at %v", looked)
	}
}

func TestAShareThatFallsIllAndIsWellAgainIsTold(t *testing.T) {
	r, on := rounding(t, share.Options{})
	if err := r.check(t.Context(), on, nil); err != nil || r.metric(t, "nfs_provisioner_share_up", "first") != 1 {
		t.Errorf("well: %v, up %v", err, r.metric(t, "nfs_provisioner_share_up", "first"))
	}
	moved := on.Mount + "-moved"
	if err := os.Rename(on.Mount, moved); err != nil {
		t.Fatal(err)
	}
	err := r.check(t.Context(), on, nil)
	if err == nil || r.metric(t, "nfs_provisioner_share_up", "first") != 0 {
		t.Errorf("ill: %v, up %v", err, r.metric(t, "nfs_provisioner_share_up", "first"))
	}
	for _, c := range r.ready() {
		if c.name != "share first" {
			continue
		}
		if _, err := c.test(); err == nil || !c.informative {
			t.Error("the share's fault is not in /readyz, or fails it")
		}
	}
	if err := os.Rename(moved, on.Mount); err != nil {
		t.Fatal(err)
	}
	if err := r.check(t.Context(), on, err); err != nil || r.metric(t, "nfs_provisioner_share_up", "first") != 1 {
		t.Errorf("well again: %v, up %v", err, r.metric(t, "nfs_provisioner_share_up", "first"))
	}
}
