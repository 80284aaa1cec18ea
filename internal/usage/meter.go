package usage

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"

	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

// Config is what a Meter needs to know of the world.
type Config struct {
	// Client reads claims and changes claims and volumes.
	Client kubernetes.Interface
	// Volumes lists the volumes of ours from a cache.
	Volumes func() []*v1.PersistentVolume
	// Volume finds one of them by its name, nil if there is none any more.
	Volume func(name string) *v1.PersistentVolume
	// Locate says where one is.
	Locate func(*v1.PersistentVolume) (*share.Share, share.Volume, error)
	// Events tell the owners of claims.
	Events record.EventRecorder
	// Looked is told of the files that were looked at on a share.
	Looked func(share string, files int)
	// Show is told what is known of the volumes of each class.
	Show func(map[string]Known)
}

// Known is what is known of the volumes of a class.
type Known struct {
	Volumes int     // that have been measured
	Bytes   float64 // that they hold together
	Over    int     // that hold more than they were promised
}

// period is the time between two looks whether there is something to do.
const period = time.Minute

// A Meter measures the volumes of those shares that have a UsageInterval.
type Meter struct {
	Config
	shown  time.Time
	failed map[string]time.Time // when a volume could not be measured
}

// New makes a Meter.
func New(c Config) *Meter { return &Meter{Config: c, failed: map[string]time.Time{}} }

// Run measures until ctx ends.
func (m *Meter) Run(ctx context.Context) {
	next := time.NewTicker(period)
	defer next.Stop()
	for {
		m.pass(ctx)
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
	}
}

// pass measures what is to be measured now.
func (m *Meter) pass(ctx context.Context) {
	m.shown = time.Time{}
	m.show()
	unwell := map[*share.Share]bool{}
	for _, task := range m.due() {
		if ctx.Err() != nil {
			return
		}
		if unwell[task.on] {
			continue
		}
		err := m.measure(ctx, task)
		if err != nil && ctx.Err() == nil {
			m.failed[task.volume.Name] = time.Now()
			unwell[task.on] = errors.Is(err, share.ErrTimeout) || errors.Is(err, share.ErrBusy) || task.on.Health().Fault != nil
			klog.FromContext(ctx).Error(err, "What a volume holds is not known", "volume", task.volume.Name, "share", task.on.Name)
		}
		m.show()
	}
}

// A task is a volume that is to be measured.
type task struct {
	volume    *v1.PersistentVolume
	on        *share.Share
	directory share.Directory
	last      time.Time
}

// due lists what has not been measured for long enough, what was measured first
// before the others.
func (m *Meter) due() (tasks []task) {
	there := map[string]time.Time{}
	for _, volume := range m.Volumes() {
		on, data, err := m.Locate(volume)
		if err != nil || on.UsageInterval == 0 || volume.Status.Phase != v1.VolumeBound || volume.DeletionTimestamp != nil {
			continue
		}
		_, last, _ := read(volume)
		if failed, ok := m.failed[volume.Name]; ok {
			there[volume.Name] = failed
			if failed.After(last) {
				last = failed
			}
		}
		if time.Since(last) >= on.UsageInterval {
			tasks = append(tasks, task{volume, on, data.Directory, last})
		}
	}
	m.failed = there
	slices.SortFunc(tasks, func(a, b task) int {
		return cmp.Or(a.last.Compare(b.last), cmp.Compare(a.volume.Name, b.volume.Name))
	})
	return tasks
}

func (m *Meter) measure(ctx context.Context, t task) error {
	used, err := t.on.Measure(ctx, t.directory, func(files int) { m.Looked(t.on.Name, files) })
	if err != nil {
		return err
	}
	delete(m.failed, t.volume.Name)
	if used.Closed > 0 {
		klog.FromContext(ctx).Info("Some folders of a volume may not be read, and count for nothing", "volume", t.volume.Name, "folders", used.Closed)
	}
	// It may have grown, or gone, while it was measured.
	volume := m.Volume(t.volume.Name)
	if volume == nil || volume.UID != t.volume.UID {
		return nil
	}
	return m.note(ctx, volume, used.Bytes, time.Now())
}

// show adds up what is known by now, but not too often.
func (m *Meter) show() {
	if time.Since(m.shown) < period {
		return
	}
	m.shown = time.Now()
	known := map[string]Known{}
	for _, volume := range m.Volumes() {
		used, _, ok := read(volume)
		if !ok {
			continue
		}
		class := known[volume.Spec.StorageClassName]
		class.Volumes++
		class.Bytes += float64(used)
		if over(volume, used) {
			class.Over++
		}
		known[volume.Spec.StorageClassName] = class
	}
	m.Show(known)
}
