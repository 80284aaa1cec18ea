//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// What the installation under test is called.
const (
	release     = "nfs"
	home        = "nfs-provisioner-e2e"
	provisioner = "cluster.local/nfs-nfs-provisioner"
	older       = "fuseim.pri/ifs" // an install that the release has adopted
)

// An export is one NFS export under test and the share that the release gives
// it.
type export struct {
	server, path string
	share        string
	squash       bool
}

// suite is what all tests have in common.
type suite struct {
	client  kubernetes.Interface
	exports []export
	image   string
	testbox string // TEST_IMAGE
	chart   string
	frail   *frail // once a test needed it

	remarked sync.Mutex
	remarks  []string // what tests that failed have to show
}

var under suite

func TestMain(m *testing.M) {
	code, err := runAll(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

func runAll(m *testing.M) (int, error) {
	ctx := context.Background()
	if err := under.configure(); err != nil {
		return 1, err
	}
	if err := under.install(ctx); err != nil {
		return 1, errors.Join(err, under.explain(ctx))
	}
	code := m.Run()
	if code != 0 {
		if err := under.explain(ctx); err != nil {
			return code, err
		}
	}
	return code, under.uninstall(ctx)
}

func (s *suite) configure() error {
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		return fmt.Errorf("KUBECONFIG: %w", err)
	}
	config.QPS = -1
	if s.client, err = kubernetes.NewForConfig(rest.CopyConfig(config)); err != nil {
		return err
	}
	for _, kind := range []struct {
		variable, share string
		squash          bool
	}{{"NFS_ROOT_SQUASH_EXPORTS", "squash", true}, {"NFS_NO_ROOT_SQUASH_EXPORTS", "root", false}} {
		for i, text := range strings.Split(os.Getenv(kind.variable), ",") {
			server, path, ok := strings.Cut(text, ":/")
			if !ok {
				return fmt.Errorf("%s is %q; it must be server:/path, and more after commas", kind.variable, os.Getenv(kind.variable))
			}
			s.exports = append(s.exports, export{server, "/" + path, fmt.Sprintf("%s-%d", kind.share, i+1), kind.squash})
		}
	}
	s.chart = "../../charts/nfs-provisioner"
	s.image = fallback("IMAGE", "docker.io/library/nfs-provisioner:local")
	s.testbox = fallback("TEST_IMAGE", "docker.io/library/busybox:local")
	return nil
}

func fallback(variable, value string) string {
	if set := os.Getenv(variable); set != "" {
		return set
	}
	return value
}

// squashed and plain are the first exports with and without root_squash.
func (s *suite) squashed() export { return s.of(true)[0] }
func (s *suite) plain() export    { return s.of(false)[0] }

func (s *suite) of(squash bool) []export {
	var some []export
	for _, e := range s.exports {
		if e.squash == squash {
			some = append(some, e)
		}
	}
	return some
}

// install puts the release and the pods that look at the exports into the
// cluster, after what an interrupted run may have left is gone.
func (s *suite) install(ctx context.Context) error {
	started := time.Now()
	if err := restoreServers(ctx); err != nil {
		return err
	}
	if err := s.uninstall(ctx); err != nil {
		return err
	}
	namespace := &v1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: home}}
	if _, err := s.client.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{}); err != nil {
		return err
	}
	for _, e := range s.exports {
		if err := s.startInspector(ctx, e); err != nil {
			return err
		}
	}
	values, err := s.values()
	if err != nil {
		return err
	}
	if _, err := command(ctx, "helm", "install", release, s.chart, "--namespace", home, "--values", values, "--wait", "--timeout", "3m"); err != nil {
		return err
	}
	for _, e := range s.exports {
		if err := s.awaitPod(ctx, home, e.inspector()); err != nil {
			return err
		}
	}
	fmt.Printf("installed with helm, and ready, in %v\n", time.Since(started).Round(time.Second/10))
	return nil
}

// uninstall removes everything that this package made.
func (s *suite) uninstall(ctx context.Context) error {
	if err := s.uninstallFrail(ctx); err != nil {
		return err
	}
	if s.frail != nil {
		if err := s.frail.removeExports(ctx); err != nil {
			return err
		}
	}
	if _, err := command(ctx, "helm", "uninstall", release, "--namespace", home, "--ignore-not-found", "--wait"); err != nil {
		return err
	}
	if _, err := command(ctx, "kubectl", "delete", "namespace", "--selector", label+"=true", "--ignore-not-found"); err != nil {
		return err
	}
	if _, err := command(ctx, "kubectl", "delete", "namespace", home, "--ignore-not-found"); err != nil {
		return err
	}
	_, err := command(ctx, "kubectl", "delete", "persistentvolumes,storageclasses,clusterroles,clusterrolebindings", "--selector", label+"=true", "--ignore-not-found")
	return err
}

// remark keeps what is to be shown after all tests.
func (s *suite) remark(text string) {
	s.remarked.Lock()
	defer s.remarked.Unlock()
	s.remarks = append(s.remarks, text)
}

// explain shows what a person would look at after a failure.
func (s *suite) explain(ctx context.Context) error {
	var problems []error
	s.remarked.Lock()
	defer s.remarked.Unlock()
	for _, text := range s.remarks {
		fmt.Printf("--- %s\n", text)
	}
	for _, look := range [][]string{
		{"get", "pods,persistentvolumeclaims,persistentvolumes", "--all-namespaces", "-o", "wide"},
		{"get", "events", "--all-namespaces", "--sort-by", ".lastTimestamp"},
		{"logs", "--namespace", home, "--selector", "app.kubernetes.io/instance=" + release, "--tail", "200", "--prefix"},
	} {
		text, err := command(ctx, "kubectl", look...)
		fmt.Printf("--- kubectl %s\n%s\n", strings.Join(look, " "), text)
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}
