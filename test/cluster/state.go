package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
)

// A cluster is the cluster of one state directory, whether it runs or not.
//
//	bin/     what was built; "down" keeps it
//	images/  the images that every node gets; "down" keeps them
//	kernel-*/ the nodes' kernel, if it is a newer one than this machine's Debian has; "down" keeps it
//	run/     everything else; "down" deletes it
type cluster struct {
	dir string
}

func newCluster(dir string) (*cluster, error) {
	if dir == "" {
		cache := os.Getenv("XDG_CACHE_HOME")
		if cache == "" {
			home, err := homeDir()
			if err != nil {
				return nil, err
			}
			cache = filepath.Join(home, ".cache")
		}
		dir = filepath.Join(cache, "nfs-provisioner", "cluster")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if strings.ContainsAny(dir, " \t\n,=\"'") {
		// It is passed on the command line of the guests' kernel.
		return nil, fmt.Errorf("the state directory %q has a blank, comma, quote or equals sign in its name; choose another with --state", dir)
	}
	return &cluster{dir: dir}, nil
}

// homeDir is the user's home directory, also where HOME is not set.
func homeDir() (string, error) {
	if home := os.Getenv("HOME"); home != "" {
		return home, nil
	}
	u, err := user.Current()
	if err != nil || u.HomeDir == "" {
		return "", errors.New("HOME is not set; set it, or choose a state directory with --state")
	}
	return u.HomeDir, nil
}

// bin is the path of a built program, run that of a file of the running cluster.
func (c *cluster) bin(name string) string       { return filepath.Join(c.dir, "bin", name) }
func (c *cluster) imageFile(name string) string { return filepath.Join(c.dir, "images", name+".tar") }
func (c *cluster) run(elements ...string) string {
	return filepath.Join(append([]string{c.dir, "run"}, elements...)...)
}
func (c *cluster) logFile(process string) string { return c.run("logs", process+".log") }
func (c *cluster) pki(name string) string        { return c.run("pki", name) }
func (c *cluster) kubeconfig(name string) string { return c.pki(name + ".kubeconfig") }
func (c *cluster) makeDirs(dirs ...string) error {
	for _, dir := range dirs {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	return nil
}

// A settings is what a cluster was started with. It is written when "up" has
// succeeded: a cluster without it is half-built.
type settings struct {
	Nodes         int      `json:"nodes"`
	Memory        string   `json:"memory"`
	APIServerArgs []string `json:"apiserverArgs,omitempty"`
}

func (c *cluster) settings() (settings, error) {
	var s settings
	data, err := os.ReadFile(c.run("settings.json"))
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(data, &s)
}

func (c *cluster) saveSettings(s settings) error {
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return writeFile(c.run("settings.json"), data, 0o644)
}

// writeFile writes a file so that a crash leaves the old one or the new one.
func writeFile(name string, data []byte, mode fs.FileMode) error {
	temporary := name + ".new"
	if err := os.WriteFile(temporary, data, mode); err != nil {
		return err
	}
	return os.Rename(temporary, name)
}

// runtimeDir says which state directory holds the namespace. There is one on a
// machine, as there is one namespace.
const runtimeDir = "/run/nfs-provisioner-cluster"

// lock makes sure that of all commands that start or stop a cluster one runs.
// It is held until the process ends.
func lock() error {
	f, err := os.OpenFile(runtimeDir+".lock", os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		pid, _ := os.ReadFile(f.Name())
		return fmt.Errorf("another cluster up or down is running (process %s); wait for it or end it", strings.TrimSpace(string(pid)))
	}
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, os.Getpid())
	locked = f
	return err
}

var locked *os.File // kept from the garbage collector, which would close it

// checkOwner refuses when the cluster of another state directory is on this
// machine.
func (c *cluster) checkOwner() error {
	owner, err := os.ReadFile(filepath.Join(runtimeDir, "owner"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if other := strings.TrimSpace(string(owner)); other != c.dir && other != "" {
		if _, err := os.Stat(namespaceFile); err == nil {
			return fmt.Errorf("the cluster of %s is on this machine; take it down first: cluster --state %s down", other, other)
		}
	}
	return nil
}

func (c *cluster) takeOwnership() error {
	if err := os.MkdirAll(runtimeDir, 0o755); err != nil {
		return err
	}
	return writeFile(filepath.Join(runtimeDir, "owner"), []byte(c.dir+"\n"), 0o644)
}
