package main

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// runExec becomes the command: its signals and exit code are the command's.
func runExec(c *cluster, args []string) error {
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		return errUsage
	}
	if err := c.mustRun(); err != nil {
		return err
	}
	s, err := c.settings()
	if err != nil {
		return err
	}
	environment := c.environment(s)
	for name, value := range environment {
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	program, err := exec.LookPath(args[0])
	if err != nil {
		return err
	}
	return inNamespace(func() error {
		return fmt.Errorf("%s: %w", program, syscall.Exec(program, args, os.Environ()))
	})
}

// environment is what "exec" adds to the environment.
func (c *cluster) environment(s settings) map[string]string {
	path := os.Getenv("PATH")
	if path == "" {
		path = systemPath
	}
	return map[string]string{
		"PATH":       c.bin("") + ":" + path,
		"KUBECONFIG": c.kubeconfig("admin"),
		// kubectl and Helm keep their caches with the cluster, since the next
		// cluster at this address is another one.
		"KUBECACHEDIR":     c.run("kubectl"),
		"HELM_CACHE_HOME":  c.run("helm", "cache"),
		"HELM_CONFIG_HOME": c.run("helm", "config"),
		"HELM_DATA_HOME":   c.run("helm", "data"),

		"NFS_ROOT_SQUASH_EXPORTS":    exports(squashExport, s.Nodes),
		"NFS_NO_ROOT_SQUASH_EXPORTS": exports(noSquashExport, s.Nodes),
		"TEST_IMAGE":                 busyboxImage,
		"AUDIT_LOG":                  c.auditLog(),

		// Without blanks, for newCluster refuses them.
		"CLUSTER_CONTROL": c.bin("cluster") + " --state " + c.dir,
	}
}
