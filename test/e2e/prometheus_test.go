//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// A prometheus is a server on this machine that scrapes the release under test
// every second, by way of the API server.
type prometheus struct {
	*scene
	address string
}

// startPrometheus starts a Prometheus with these rules that scrapes what the
// release's Service lists, with the labels that the Prometheus Operator gives.
func (s *scene) startPrometheus(service, rules string) prometheus {
	s.Helper()
	folder := s.TempDir()
	config, err := yaml.Marshal(map[string]any{
		"global":     map[string]any{"scrape_interval": "1s", "evaluation_interval": "1s"},
		"rule_files": []string{"rules.yaml"},
		"scrape_configs": []any{map[string]any{
			"job_name": service, "static_configs": s.targets(service, s.startProxy()),
		}},
	})
	if err != nil {
		s.Fatal(err)
	}
	for name, content := range map[string][]byte{"prometheus.yaml": config, "rules.yaml": []byte(rules)} {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
			s.Fatal(err)
		}
	}
	p := prometheus{s, s.freeAddress()}
	cmd := exec.Command("prometheus", "--config.file", filepath.Join(folder, "prometheus.yaml"),
		"--storage.tsdb.path", filepath.Join(folder, "data"), "--web.listen-address", p.address, "--log.level", "warn")
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	if err := cmd.Start(); err != nil {
		s.Fatalf("%v; Debian's package prometheus has it", err)
	}
	s.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if s.Failed() {
			s.Logf("Prometheus says\n%s", &complaints)
		}
	})
	return p
}

// targets are the replicas that the Service lists.
func (s *scene) targets(service, proxy string) (targets []any) {
	s.Helper()
	slices, err := under.client.DiscoveryV1().EndpointSlices(home).List(s.Context(), metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=" + service})
	if err != nil {
		s.Fatal(err)
	}
	for _, slice := range slices.Items {
		for _, endpoint := range slice.Endpoints {
			for _, port := range slice.Ports {
				if endpoint.TargetRef == nil || *port.Name != "http" {
					s.Fatalf("the Service %s lists %+v", service, slice)
				}
				pod := endpoint.TargetRef.Name
				targets = append(targets, map[string]any{"targets": []string{proxy}, "labels": map[string]string{
					"__metrics_path__": fmt.Sprintf("/api/v1/namespaces/%s/pods/%s:%d/proxy/metrics", home, pod, *port.Port),
					"instance":         fmt.Sprintf("%s:%d", endpoint.Addresses[0], *port.Port),
					"namespace":        home, "service": service, "pod": pod, "endpoint": *port.Name,
				}})
			}
		}
	}
	return targets
}

// startProxy makes the API server answer at an address without asking who is
// there, and returns that.
func (s *scene) startProxy() (address string) {
	s.Helper()
	cmd := exec.Command("kubectl", "proxy", "--port", "0")
	out, err := cmd.StdoutPipe()
	if err != nil {
		s.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	_, address, found := strings.Cut(strings.TrimSpace(line), "Starting to serve on ")
	if !found {
		s.Fatalf("kubectl proxy says %q (%v)", line, err)
	}
	return address
}

func (s *scene) freeAddress() string {
	s.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.Fatal(err)
	}
	defer listener.Close() //nolint:errcheck // nobody has connected
	return listener.Addr().String()
}

// get asks Prometheus' API for something.
func (p prometheus) get(ctx context.Context, place string, parameters url.Values, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.address+"/api/v1/"+place+"?"+parameters.Encode(), nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // read to its end
	var answer struct {
		Status, Error string
		Warnings      []string
		Data          json.RawMessage
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return err
	}
	if answer.Status != "success" || len(answer.Warnings) > 0 {
		return fmt.Errorf("%s %v: %s %v", place, parameters, answer.Error, answer.Warnings)
	}
	return json.Unmarshal(answer.Data, into)
}

// sample is one series of an answer, and its value.
type sample struct {
	Metric map[string]string
	Value  [2]any // when, and what as text
}

// query runs a query for now.
func (p prometheus) query(ctx context.Context, query string) ([]sample, error) {
	var data struct{ Result []sample }
	err := p.get(ctx, "query", url.Values{"query": {query}}, &data)
	return data.Result, err
}

// eventuallyIs waits until a query has one answer, and that is value.
func (p prometheus) eventuallyIs(query string, value int) {
	p.Helper()
	p.eventually(fmt.Sprintf("%s is %d", query, value), func(ctx context.Context) (bool, string, error) {
		got, err := p.query(ctx, query)
		return len(got) == 1 && got[0].Value[1] == fmt.Sprint(value), fmt.Sprint(got), err
	})
}
