//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// program is a pod that runs the image with some arguments and environment,
// with an export mounted at a path if there is one.
func (s *scene) program(name string, arguments []string, environment map[string]string, on *export, mount string) *v1.Pod {
	p := pod(name, "")
	c := &p.Spec.Containers[0]
	c.Image, c.Command, c.Args = under.image, nil, arguments
	p.Spec.AutomountServiceAccountToken = nil
	for k, v := range environment {
		c.Env = append(c.Env, v1.EnvVar{Name: k, Value: v})
	}
	if on != nil {
		p.Spec.Volumes = []v1.Volume{{Name: "share", VolumeSource: v1.VolumeSource{NFS: &v1.NFSVolumeSource{Server: on.server, Path: on.path}}}}
		c.VolumeMounts = []v1.VolumeMount{{Name: "share", MountPath: mount}}
	}
	return p
}

func TestWrongConfigurationIsRefusedInOneSentenceForEachMistake(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.allow("default")
	on := under.squashed()
	share := func(mount string) string {
		return fmt.Sprintf("--share=name=a,server=%s,path=%s,mount=%s", on.server, on.path, mount)
	}
	namespace := "--leader-election-namespace=" + s.namespace
	for name, c := range map[string]struct {
		arguments []string
		want      []string
	}{
		"share-key": {[]string{"--provisioner-name=e2e.example/x", "--share=name=a,servr=b"}, []string{`key "servr" is not known`}},
		"no-mount":  {[]string{"--provisioner-name=e2e.example/x", share("/nowhere"), namespace}, []string{`share "a"`, "/nowhere: no such file or directory"}},
		"read-only": {[]string{"--provisioner-name=e2e.example/x", share("/etc"), namespace}, []string{"may not write to /etc"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := s.with(t)
			s.start(s.program(name, c.arguments, nil, nil, ""))
			log := s.failed(name)
			for _, want := range c.want {
				if !strings.Contains(log, want) {
					t.Errorf("the log does not say %q:\n%s", want, log)
				}
			}
		})
	}
	t.Run("no permission", func(t *testing.T) {
		s := newScene(t)
		s.start(s.program("forbidden", []string{"--provisioner-name=e2e.example/x", share("/mnt"), "--leader-election-namespace=" + s.namespace}, nil, &on, "/mnt"))
		log := s.failed("forbidden")
		for _, want := range []string{"[get list watch create patch delete] persistentvolumes in the whole cluster", "events", "leases.coordination.k8s.io"} {
			if !strings.Contains(log, want) {
				t.Errorf("the log does not say %q:\n%s", want, log)
			}
		}
	})
}

// The environment of nfs-subdir-external-provisioner's Deployment, and nothing
// else, is enough.
func TestEnvironmentOfTheOlderProvisionerIsEnough(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.allow("default")
	on := under.squashed()
	name := "e2e.example/" + s.namespace
	p := s.program("provisioner", nil, map[string]string{"PROVISIONER_NAME": name, "NFS_SERVER": on.server, "NFS_PATH": on.path}, &on, "/persistentvolumes")
	root, no := int64(0), false // as the older one, and the chart's
	p.Spec.SecurityContext.RunAsUser, p.Spec.SecurityContext.RunAsNonRoot = &root, &no
	s.start(p)
	k := class(s.unique("older"), on, map[string]string{"archiveOnDelete": "false"})
	delete(k.Parameters, "share")
	k.Provisioner = name
	s.makeClass(k)
	s.makeClaim(claim("data", k.Name))
	pv := s.bound("data")
	if want := fmt.Sprintf("%s/%s-data-%s", on.path, s.namespace, pv.Name); pv.Spec.NFS.Path != want {
		t.Errorf("path is %q, want %q", pv.Spec.NFS.Path, want)
	}
	s.deleteClaim("data")
}

// failed waits until a pod has ended with an error and returns its log.
func (s *scene) failed(name string) string {
	s.Helper()
	s.eventually("pod "+name+" failed", func(ctx context.Context) (bool, string, error) {
		p, err := under.client.CoreV1().Pods(s.namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return false, "", err
		}
		return p.Status.Phase == v1.PodFailed, string(p.Status.Phase), nil
	})
	log, err := under.client.CoreV1().Pods(s.namespace).GetLogs(name, &v1.PodLogOptions{}).DoRaw(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	return string(log)
}

// allow gives a service account of the scene what the chart gives its own.
func (s *scene) allow(account string) {
	s.Helper()
	rule := func(group, resource string, verbs ...string) rbacv1.PolicyRule {
		return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: []string{resource}, Verbs: verbs}
	}
	role := &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: s.namespace, Labels: map[string]string{label: "true"}},
		Rules: []rbacv1.PolicyRule{
			rule("", "persistentvolumes", "get", "list", "watch", "create", "patch", "delete"),
			rule("", "persistentvolumeclaims", "get", "list", "watch", "patch"),
			rule("", "persistentvolumeclaims/status", "patch"),
			rule(storagev1.GroupName, "storageclasses", "list", "watch"),
			rule("", "namespaces", "get"),
			rule("", "events", "create", "patch"),
			rule("coordination.k8s.io", "leases", "create", "get", "update"),
		},
	}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: role.ObjectMeta,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: s.namespace, Name: account}},
	}
	if _, err := under.client.RbacV1().ClusterRoles().Create(s.Context(), role, metav1.CreateOptions{}); err != nil {
		s.Fatal(err)
	}
	if _, err := under.client.RbacV1().ClusterRoleBindings().Create(s.Context(), binding, metav1.CreateOptions{}); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		ctx := context.Background()
		if err := under.client.RbacV1().ClusterRoleBindings().Delete(ctx, role.Name, metav1.DeleteOptions{}); err != nil {
			s.Error(err)
		}
		if err := under.client.RbacV1().ClusterRoles().Delete(ctx, role.Name, metav1.DeleteOptions{}); err != nil {
			s.Error(err)
		}
	})
}
