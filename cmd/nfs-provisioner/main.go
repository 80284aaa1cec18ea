// Command nfs-provisioner turns PersistentVolumeClaims into directories on NFS
// exports that exist already, and into PersistentVolumes that name them.
package main

import (
	"os"
)

func main() {
	os.Exit(run(os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}
