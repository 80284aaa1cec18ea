package main

import "os"

// auditPolicy has the API server note what the provisioner under test asks of
// it, so that a test can compare that with what it may ask. Nobody else is
// noted: that would cost time, and tell nothing.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  userGroups: ["system:serviceaccounts:nfs-provisioner-e2e"]
- level: None
`

// auditLog is what the API server noted, a JSON object a line.
func (c *cluster) auditLog() string { return c.run("audit.log") }

// auditArgs writes the policy and returns the API server's arguments for it.
func (c *cluster) auditArgs() ([]string, error) {
	policy := c.run("audit-policy.yaml")
	if err := os.WriteFile(policy, []byte(auditPolicy), 0o644); err != nil {
		return nil, err
	}
	return []string{"--audit-policy-file=" + policy, "--audit-log-path=" + c.auditLog(), "--audit-log-maxsize=1000"}, nil
}
