// Package e2e tells the story of nfs-provisioner on a real cluster: a real API
// server, kubelets that mount real NFS exports, the image and the chart as a
// user installs them.
//
// It takes what it needs from the environment; `make e2e` sets all of it:
//
//	KUBECONFIG                   the cluster
//	NFS_ROOT_SQUASH_EXPORTS      server:/path, more after commas
//	NFS_NO_ROOT_SQUASH_EXPORTS   server:/path, more after commas
//	IMAGE                        nfs-provisioner's image, known to the nodes
//	TEST_IMAGE                   an image with a shell and busybox' commands
//	CLUSTER_CONTROL              how servers are taken away; without it, tests that do so are skipped
//	API_OUTAGE                   how long the API server is away; 15s if it is not set
//
// kubectl, helm and prometheus are on the PATH. The exports may hold other things; nothing
// that was not made here is touched.
package e2e
