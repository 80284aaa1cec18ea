package main

import (
	"bytes"
	"context"
	"flag"
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"
)

// verbosely sets the flag until the test ends.
func verbosely(t *testing.T, level string) {
	t.Helper()
	set := func(f *flag.Flag, level string) {
		if err := f.Value.Set(level); err != nil {
			t.Fatal(err)
		}
	}
	before := verbosity().Value.String()
	set(verbosity(), level)
	t.Cleanup(func() {
		set(verbosity(), before)
		klog.ClearLogger()
	})
}

// arriving is a stream that somebody reads.
type arriving chan string

func (a arriving) Write(p []byte) (int, error) {
	a <- string(p)
	return len(p), nil
}

func TestTheLogRepeatsEventsThatTellOfSomethingWrong(t *testing.T) {
	const news, warning = "all is well", "the share is gone"
	for _, test := range []struct {
		verbosity string
		news      bool
	}{{"0", false}, {"2", false}, {"3", true}} {
		t.Run("-v="+test.verbosity, func(t *testing.T) {
			verbosely(t, test.verbosity)
			log := make(arriving)
			if err := logTo(log); err != nil {
				t.Fatal(err)
			}
			broadcaster := record.NewBroadcaster()
			defer broadcaster.Shutdown()
			broadcaster.StartStructuredLogging(0)
			recorder := broadcaster.NewRecorder(scheme.Scheme, v1.EventSource{})
			claim := &v1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "data"}}
			recorder.Event(claim, v1.EventTypeNormal, "Provisioning", news)
			recorder.Event(claim, v1.EventTypeWarning, "ProvisioningFailed", warning)
			text := ""
			for !strings.Contains(text, warning) {
				text += <-log
			}
			if repeated := strings.Contains(text, news); repeated != test.news {
				t.Errorf("news are in the log: %v, want %v\n%s", repeated, test.news, text)
			}
		})
	}
}

func TestALineOfTheLogSaysWhereItComesFrom(t *testing.T) {
	verbosely(t, "0")
	var log bytes.Buffer
	if err := logTo(&log); err != nil {
		t.Fatal(err)
	}
	logger := klog.FromContext(context.Background())
	logger.Info("one")
	logger.WithName("name").WithValues("key", "value").Info("two")
	klog.InfoS("three")
	logger.Error(nil, "four")
	logger.V(1).Info("five")
	klog.Flush()
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 4 {
		t.Fatalf("got %d lines, want 4:\n%s", len(lines), &log)
	}
	for _, line := range lines {
		if !strings.Contains(line, " log_test.go:") {
			t.Errorf("got %q, want a line of log_test.go", line)
		}
	}
	if !strings.Contains(lines[1], `logger="name" key="value"`) {
		t.Errorf("got %q, want name and values in it", lines[1])
	}
}
