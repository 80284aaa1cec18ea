package chaos

import "strings"

// Policy is what becomes of the data of a class's volumes.
type Policy string

// The policies, as the class parameter onDelete spells them.
const (
	Delete  Policy = "delete"
	Archive Policy = "archive"
	Retain  Policy = "retain"
)

// A Class is a StorageClass of the run.
type Class struct {
	Name    string
	Share   string
	Policy  Policy
	Pattern string // empty: the default one
	Shared  bool
}

// The two shares, called by their servers.
const (
	Ganesha = "ganesha" // nfs-ganesha, with root_squash
	Kernel  = "kernel"  // the kernel's nfsd, without
)

// Patterns whose directories come back with the next claim of the same name: a
// deletion that comes too late, or twice, hits that claim's data.
const (
	fixed  = "${.PVC.namespace}/${.PVC.name}"
	nested = "${.PVC.namespace}/deep/${.PVC.name}/volume"
	common = "${.PVC.namespace}/common/${.PVC.labels.group}"
)

// Classes are all classes of a run.
func Classes() []Class {
	var all []Class
	for _, share := range []string{Ganesha, Kernel} {
		for _, c := range []Class{
			{Name: "delete", Policy: Delete, Pattern: fixed},
			{Name: "archive", Policy: Archive, Pattern: fixed},
			{Name: "retain", Policy: Retain, Pattern: fixed},
			{Name: "nested", Policy: Delete, Pattern: nested},
			{Name: "default", Policy: Archive},
			{Name: "unique", Policy: Delete},
			{Name: "shared", Policy: Delete, Pattern: common, Shared: true},
		} {
			c.Name, c.Share = "chaos-"+share+"-"+c.Name, share
			all = append(all, c)
		}
	}
	return all
}

// directory is what the class's pattern renders to.
func (c Class) directory(l Life, volume string) string {
	pattern := c.Pattern
	if pattern == "" {
		pattern = "${.PVC.namespace}-${.PVC.name}-${.PV.name}"
	}
	return strings.NewReplacer(
		"${.PVC.namespace}", l.Namespace, "${.PVC.name}", l.Name,
		"${.PVC.labels.group}", l.Group, "${.PV.name}", volume,
	).Replace(pattern)
}

// archive is where the data of a volume goes when it is archived.
func archive(directory, volume string) string { return "archived-" + directory + "-" + volume }
