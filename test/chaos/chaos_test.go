//go:build e2e

package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// restTime is how long everything may take to come to rest once the faults are
// over: claims that have been refused for long are tried again once a minute.
const restTime = 4 * time.Minute

// mostShown is how many violations are shown; where nothing came to rest there
// are hundreds.
const mostShown = 100

// mostRepeated is how many of them are shown again at the end, which is all that
// many a log keeps.
const mostRepeated = 5

func TestNothingIsLostLeakedOrMixedUpUnderRandomFaults(t *testing.T) {
	options := drawn(t)
	if os.Getenv("CLUSTER_CONTROL") == "" {
		t.Skip("CLUSTER_CONTROL is not set: there is no cluster whose servers may be broken")
	}
	r := newRun(t, options)
	t.Logf("make chaos %v", options)
	r.install()
	r.followLogs()
	ctx, cancel := context.WithTimeout(t.Context(), options.Duration+restTime)
	defer cancel()
	r.began = time.Now()

	var claims, faults, watches sync.WaitGroup
	watching, stop := context.WithCancel(ctx)
	watches.Go(func() { r.census.run(watching) })
	watches.Go(func() { r.replicas.run(watching) })
	for _, share := range []string{Ganesha, Kernel} {
		watches.Go(func() { r.watch(watching, share) })
	}
	for _, lane := range r.plan.Faults {
		faults.Go(func() { r.breakThings(ctx, lane) })
	}
	for _, lives := range r.plan.Slots {
		claims.Go(func() { r.liveAll(ctx, lives) })
	}
	faults.Wait()
	r.tell("the faults are over")
	if err := r.calm(); err != nil {
		t.Errorf("the faults could not be lifted: %v", err)
	}
	calm := time.Now()
	close(r.calmed)
	claims.Wait()
	r.tell("all claims are through %v after the faults", time.Since(calm).Round(time.Second))
	violations := r.rest(ctx)
	r.tell("the wait for rest ends %v after the faults", time.Since(calm).Round(time.Second))
	stop()
	watches.Wait()
	r.report()
	all := append(r.violations, violations...)
	for _, v := range all[:min(len(all), mostShown)] {
		t.Errorf("%v [%v]", v, options)
	}
	if more := len(all) - mostShown; more > 0 {
		t.Errorf("and %d violations more [%v]", more, options)
	}
	if t.Failed() {
		r.explain()
		t.Logf("what happened when:\n%s", strings.Join(r.course, "\n"))
		for _, v := range all[:min(len(all), mostRepeated)] {
			t.Logf("of %d violations: %v", len(all), v)
		}
		t.Logf("the cluster is left as it is; again: make chaos %v", options)
		return
	}
	r.uninstall()
}

// drawn reads the options from the environment.
func drawn(t *testing.T) Options {
	t.Helper()
	o := Options{Seed: rand.Uint64N(1e9), Duration: 90 * time.Second, Claims: 300}
	var err error
	if text := os.Getenv("CHAOS_SEED"); text != "" {
		if o.Seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("CHAOS_SEED: %v", err)
		}
	}
	if text := os.Getenv("CHAOS_DURATION"); text != "" {
		if o.Duration, err = time.ParseDuration(text); err != nil {
			t.Fatalf("CHAOS_DURATION: %v", err)
		}
	}
	if text := os.Getenv("CHAOS_CLAIMS"); text != "" {
		if o.Claims, err = strconv.Atoi(text); err != nil {
			t.Fatalf("CHAOS_CLAIMS: %v", err)
		}
	}
	return o
}

// A run is one run of the test.
type run struct {
	*testing.T
	options   Options
	plan      Plan
	client    kubernetes.Interface
	cluster   cluster
	shares    map[string]export
	server    string // the node that runs the kernel's NFS server
	inspector *inspector
	census    *census
	replicas  *replicas
	began     time.Time
	calmed    chan struct{} // closed when the faults are over

	mu         sync.Mutex
	fates      map[int]Fate   // by life
	watched    map[int]Canary // of volumes that nobody deletes yet
	violations []Violation    // seen on the way
	course     []string       // what was told, and when
	sightings  int            // of canaries that were what they must be
	blinks     int            // of canaries that were gone, and then back
	delays     []time.Duration
	done       map[Kind]int // faults
}

// An export is what a share is on.
type export struct{ server, path string }

func newRun(t *testing.T, o Options) *run {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		t.Fatal(err)
	}
	config.QPS = -1
	config.Timeout = 5 * time.Second // one that is frozen answers nothing
	config.ContentType = "application/vnd.kubernetes.protobuf"
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	r := &run{
		T: t, options: o, plan: NewPlan(o), client: client,
		cluster: cluster{strings.Fields(os.Getenv("CLUSTER_CONTROL"))},
		shares: map[string]export{
			Ganesha: exportOf(t, "NFS_ROOT_SQUASH_EXPORTS", 0),
			Kernel:  exportOf(t, "NFS_NO_ROOT_SQUASH_EXPORTS", 1),
		},
		census:   newCensus(client),
		replicas: &replicas{client: client},
		calmed:   make(chan struct{}),
		fates:    map[int]Fate{}, watched: map[int]Canary{}, done: map[Kind]int{},
	}
	if err := r.control("api", "start")(t.Context()); err != nil { // a run that was killed may have left it frozen
		t.Fatal(err)
	}
	nodes, err := client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range nodes.Items {
		if n.Status.Addresses[0].Address == r.shares[Kernel].server {
			r.server = n.Name
		}
	}
	for _, lives := range r.plan.Slots {
		for _, l := range lives {
			r.fates[l.ID] = Fate{Life: l}
		}
	}
	return r
}

// exportOf is the nth export that a variable names: nfs-ganesha's, then the
// kernel's.
func exportOf(t *testing.T, variable string, n int) export {
	t.Helper()
	all := strings.Split(os.Getenv(variable), ",")
	if n >= len(all) {
		t.Fatalf("%s is %q; it must name nfs-ganesha's export and the kernel's", variable, os.Getenv(variable))
	}
	server, path, _ := strings.Cut(all[n], ":")
	return export{server, path}
}

// at is the time since the beginning of the run, for logs.
func (r *run) at() string { return fmt.Sprintf("%6.1fs", time.Since(r.began).Seconds()) }

// tell logs what the course of the run is told by.
func (r *run) tell(format string, arguments ...any) {
	r.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.course = append(r.course, r.at()+" "+fmt.Sprintf(format, arguments...))
	r.Log(r.course[len(r.course)-1])
}

func (r *run) violate(v Violation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.violations = append(r.violations, v)
	r.Logf("%s VIOLATION: %v", r.at(), v)
}

// sleep waits, not beyond the end of the faults.
func (r *run) sleep(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.calmed:
	case <-ctx.Done():
	}
}
