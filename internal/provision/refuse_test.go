package provision

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/nfs-provisioner/nfs-provisioner/internal/share"
)

func TestProvisionRefusesWhatItCannotGive(t *testing.T) {
	block, group := v1.PersistentVolumeBlock, "snapshot.storage.k8s.io"
	for name, c := range map[string]struct {
		ask   func(*v1.PersistentVolumeClaimSpec)
		words []string
	}{
		"block device": {
			func(s *v1.PersistentVolumeClaimSpec) { s.VolumeMode = &block },
			[]string{"Block", "set volumeMode: Filesystem"},
		},
		"selector": {
			func(s *v1.PersistentVolumeClaimSpec) { s.Selector = &metav1.LabelSelector{} },
			[]string{"selector", "remove spec.selector"},
		},
		"snapshot": {
			func(s *v1.PersistentVolumeClaimSpec) {
				s.DataSource = &v1.TypedLocalObjectReference{APIGroup: &group, Kind: "VolumeSnapshot", Name: "monday"}
			},
			[]string{"VolumeSnapshot", "monday", "remove dataSource"},
		},
		"snapshot by reference": {
			func(s *v1.PersistentVolumeClaimSpec) {
				s.DataSourceRef = &v1.TypedObjectReference{APIGroup: &group, Kind: "VolumeSnapshot", Name: "monday"}
			},
			[]string{"VolumeSnapshot", "monday", "dataSourceRef"},
		},
		"no size": {
			func(s *v1.PersistentVolumeClaimSpec) { s.Resources.Requests = nil },
			[]string{"size", "spec.resources.requests.storage"},
		},
		"size zero": {
			func(s *v1.PersistentVolumeClaimSpec) {
				s.Resources.Requests[v1.ResourceStorage] = resource.MustParse("0")
			},
			[]string{`"0"`, "more than 0"},
		},
		"negative size": {
			func(s *v1.PersistentVolumeClaimSpec) {
				s.Resources.Requests[v1.ResourceStorage] = resource.MustParse("-5Gi")
			},
			[]string{`"-5Gi"`, "more than 0"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			claim := w.claim("a")
			c.ask(&claim.Spec)
			w.refused(w.class(), claim, c.words...)
		})
	}
}

func TestProvisionAsksForBlockClaimsOnlyToRefuseThem(t *testing.T) {
	if w := newWorld(t); !w.SupportsBlock(t.Context()) {
		t.Error("the library answers claims for block volumes itself, with fewer words")
	}
}

func TestAClaimWithAVolumeAttributesClassIsRefused(t *testing.T) {
	w := newWorld(t)
	claim, fast := w.claim("a"), "fast"
	claim.Spec.VolumeAttributesClassName = &fast
	w.refused(w.class(), claim, "volumeAttributesClassName", "fast")
}

func TestErrorsOfAFileSystemComeWithAdvice(t *testing.T) {
	for name, c := range map[string]struct {
		problem error
		advice  string
	}{
		"no answer":     {share.ErrTimeout, "look after the NFS server"},
		"stale handle":  {syscall.ESTALE, "export the directory again"},
		"remote I/O":    {syscall.EREMOTEIO, "nfsvers=4.0"},
		"read-only":     {syscall.EROFS, "export and mount the share for writing"},
		"full":          {syscall.ENOSPC, "free space"},
		"over quota":    {syscall.EDQUOT, "raise the quota"},
		"no permission": {syscall.EACCES, "let the provisioner's user write"},
	} {
		t.Run(name, func(t *testing.T) {
			problem := fmt.Errorf("share %q: make directory %q: %w", "a", "b", &fs.PathError{Op: "mkdirat", Path: "b", Err: c.problem})
			err := Advise(problem)
			if !errors.Is(err, c.problem) || !strings.HasPrefix(err.Error(), problem.Error()) || !strings.Contains(err.Error(), c.advice) {
				t.Errorf("the error is %q; it must go on with %q", err, c.advice)
			}
		})
	}
}
