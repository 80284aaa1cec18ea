package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
)

// checkMachine refuses machines that a cluster can not run on.
func checkMachine() error {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		return fmt.Errorf("a cluster needs Linux on amd64, where user-mode Linux runs; this is %s on %s", runtime.GOOS, runtime.GOARCH)
	}
	if os.Geteuid() != 0 {
		return errors.New("a cluster makes network namespaces and mounts, which only root may; run it as root")
	}
	return nil
}

// checkPreconditions refuses what "up" would fail at later.
func checkPreconditions() error {
	if err := checkMachine(); err != nil {
		return err
	}
	missing, err := missingPackages(packages)
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		return fmt.Errorf("Debian packages are missing (%s); cluster packages installs them", strings.Join(missing, " "))
	}
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		return errors.New("/dev/net/tun is missing, without which nodes have no network; load the module tun, or give the container that device")
	}
	return nil
}
