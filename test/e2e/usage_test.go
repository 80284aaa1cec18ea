//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// nextMeasurement is longer than it takes until a volume is measured again: the
// interval of the share, a minute until it is looked what there is to do, and
// what other tests keep on the share.
const nextMeasurement = 4 * time.Minute

func TestAVolumeThatHoldsMoreThanItsClaimHasIsTold(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for minutes")
	}
	t.Parallel()
	s := newScene(t)
	k := growing(s.unique("measured"), under.plain(), nil)
	s.makeClass(k)
	c := claim("data", k.Name)
	c.Spec.Resources.Requests = storage("1Mi")
	s.makeClaim(c)
	pv := s.bound("data")
	s.start(pod("writer", "mkdir -p /data/a/b && dd if=/dev/zero of=/data/a/b/file bs=1M count=3 && "+forever, "data"))
	s.ready("writer")
	condition := func(ctx context.Context) (status v1.ConditionStatus, seen string, err error) {
		c, err := under.client.CoreV1().PersistentVolumeClaims(s.namespace).Get(ctx, "data", metav1.GetOptions{})
		if err != nil {
			return "", "", err
		}
		for _, condition := range c.Status.Conditions {
			if condition.Type == "nfs-provisioner/OverCapacity" {
				return condition.Status, condition.Message, nil
			}
		}
		return "", fmt.Sprintf("%+v", c.Status), nil
	}
	s.within(nextMeasurement, "the condition", func(ctx context.Context) (bool, string, error) {
		status, seen, err := condition(ctx)
		return status == v1.ConditionTrue, seen, err
	})
	s.expectEvent("data", s.namespace, pv.Name, "more than the 1Mi of the claim")
	s.within(nextMeasurement, "what the volume holds", func(ctx context.Context) (bool, string, error) {
		now, err := under.client.CoreV1().PersistentVolumes().Get(ctx, pv.Name, metav1.GetOptions{})
		if err != nil {
			return false, "", err
		}
		text := now.Annotations["nfs-provisioner/used-bytes"]
		used, err := strconv.ParseInt(text, 10, 64)
		return used >= 3<<20 && used < 4<<20, text, err
	})
	at, err := time.Parse(time.RFC3339, s.volume(pv.Name).Annotations["nfs-provisioner/used-bytes-time"])
	if err != nil || time.Since(at).Abs() > nextMeasurement {
		t.Errorf("measured at %v, %v", at, err)
	}

	s.resize("data", "10Mi")
	s.within(nextMeasurement, "the end of the condition", func(ctx context.Context) (bool, string, error) {
		status, seen, err := condition(ctx)
		return status == "" && !strings.Contains(seen, "OverCapacity"), seen, err
	})
	s.deletePod("writer")
	s.deleteClaim("data")
}
