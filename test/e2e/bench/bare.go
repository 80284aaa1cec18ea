package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// bareProgram is the program of the bare loops; it lies beside this one.
const bareProgram = "bench-bare"

func barePath() (string, error) {
	self, err := os.Executable()
	return filepath.Join(filepath.Dir(self), bareProgram), err
}

// bare starts a bare loop with the workers of the provisioner, unless the
// arguments say otherwise.
func (b *bench) bare(log, loop string, arguments ...string) (*process, error) {
	program, err := barePath()
	if err != nil {
		return nil, err
	}
	common := []string{loop, "--kubeconfig=" + b.kubeconfig, "--namespace=" + namespace, fmt.Sprintf("--workers=%d", workers)}
	return launch("bare "+loop, b.logFile(log), program, append(common, arguments...), nil)
}
