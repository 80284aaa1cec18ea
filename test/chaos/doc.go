// Package chaos breaks everything around nfs-provisioner at random, for
// minutes, while claims come and go, and then compares what is on the shares
// with what the API server says. `make chaos` runs it in the test cluster.
//
// A run is drawn from a seed: which claims are made, when and how each of them
// ends, and which faults hit what, when and for how long. The same seed draws
// the same run; what the machine makes of it may differ.
//
// Each volume carries a canary: a file that names the volume and its claim. An
// inspector, on a node, writes them, reads them again and again while their
// volumes live, plays the tenant who fills a volume with symlinks while it is
// deleted, and lists the shares at the end.
//
// It takes what it needs from the environment:
//
//	CHAOS_SEED        a number; without one the run draws it
//	CHAOS_DURATION    how long faults come, such as 10m
//	CHAOS_CLAIMS      how many claims are made
//	CLUSTER_CONTROL   the command that controls the test cluster; without it
//	                  nothing is run, for the servers to break are somebody's
//	KUBECONFIG, NFS_ROOT_SQUASH_EXPORTS, NFS_NO_ROOT_SQUASH_EXPORTS, IMAGE
package chaos
