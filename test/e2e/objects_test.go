//go:build e2e

package e2e

import (
	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// label marks what this package makes outside namespaces, for cleaning up.
const label = "nfs-provisioner-e2e"

// defaultClass is the class of the release that is marked as the default one.
const defaultClass = "e2e-default"

// class is a StorageClass of the release under test.
func class(name string, e export, parameters map[string]string) *storagev1.StorageClass {
	all := map[string]string{"share": e.share}
	for k, v := range parameters {
		all[k] = v
	}
	return &storagev1.StorageClass{
		ObjectMeta:   metav1.ObjectMeta{Name: name, Labels: map[string]string{label: "true"}},
		Provisioner:  provisioner,
		Parameters:   all,
		MountOptions: []string{"nfsvers=4.1", "actimeo=1"},
	}
}

// claim is a claim for 1Gi of a class, ReadWriteOnce unless modes are given.
func claim(name, class string, modes ...v1.PersistentVolumeAccessMode) *v1.PersistentVolumeClaim {
	if len(modes) == 0 {
		modes = []v1.PersistentVolumeAccessMode{v1.ReadWriteOnce}
	}
	return &v1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1.PersistentVolumeClaimSpec{
			StorageClassName: &class,
			AccessModes:      modes,
			Resources:        v1.VolumeResourceRequirements{Requests: v1.ResourceList{v1.ResourceStorage: resource.MustParse("1Gi")}},
		},
	}
}

// pod runs a shell command, as an ordinary user without privileges, with the
// claims mounted at /CLAIM.
func pod(name, script string, claims ...string) *v1.Pod {
	p := &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app": name}},
		Spec:       podSpec(script, claims...),
	}
	p.Spec.RestartPolicy = v1.RestartPolicyNever
	return p
}

func podSpec(script string, claims ...string) v1.PodSpec {
	no, yes := false, true
	user := int64(1000)
	grace := int64(0)
	spec := v1.PodSpec{
		TerminationGracePeriodSeconds: &grace,
		AutomountServiceAccountToken:  &no,
		SecurityContext: &v1.PodSecurityContext{
			RunAsNonRoot: &yes, RunAsUser: &user, RunAsGroup: &user,
			SeccompProfile: &v1.SeccompProfile{Type: v1.SeccompProfileTypeRuntimeDefault},
		},
		Containers: []v1.Container{{
			Name: "main", Image: under.testbox, ImagePullPolicy: v1.PullIfNotPresent,
			Command: []string{"sh", "-c", script},
			SecurityContext: &v1.SecurityContext{
				AllowPrivilegeEscalation: &no, ReadOnlyRootFilesystem: &yes,
				Capabilities: &v1.Capabilities{Drop: []v1.Capability{"ALL"}},
			},
		}},
	}
	for _, name := range claims {
		spec.Volumes = append(spec.Volumes, v1.Volume{Name: name, VolumeSource: v1.VolumeSource{
			PersistentVolumeClaim: &v1.PersistentVolumeClaimVolumeSource{ClaimName: name},
		}})
		spec.Containers[0].VolumeMounts = append(spec.Containers[0].VolumeMounts, v1.VolumeMount{Name: name, MountPath: "/" + name})
	}
	return spec
}

// forever is a script that does nothing until its pod is deleted.
const forever = "trap exit TERM; sleep 86400 & wait"
