// Package rbac compares what the provisioner may do in a cluster with what it
// did there: what the chart's roles permit, and what the API server's audit log
// says of the end-to-end tests. It runs after them.
package rbac
