package main

import (
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

//go:embed profiles
var profiles embed.FS

// A profile says how a provisioner is started. Its texts may hold {provisioner},
// {server}, {path}, {directory}, {kubeconfig}, {namespace}, {workers}, {lease}
// and {listen}.
type profile struct {
	Args []string          `json:"args"`
	Env  map[string]string `json:"env"`
	// Parameters are those of the class; data must be deleted with its volume.
	Parameters map[string]string `json:"parameters"`
	// Directory is where the provisioner wants its share, if it does not let
	// itself be told.
	Directory string `json:"directory"`
	// Ready is where it says with status 200 that it knows all objects.
	Ready string `json:"ready"`
}

func profileNames() []string {
	entries, err := fs.ReadDir(profiles, "profiles")
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	return names
}

// readProfile reads one of ours by its name, or a file.
func readProfile(name string) (profile, error) {
	var p profile
	data, err := fs.ReadFile(profiles, path.Join("profiles", name+".yaml"))
	if !slices.Contains(profileNames(), name) {
		data, err = os.ReadFile(name)
	}
	if err != nil {
		return p, fmt.Errorf("--profile %q: %w; there are %s", name, err, strings.Join(profileNames(), ", "))
	}
	if err := yaml.UnmarshalStrict(data, &p); err != nil {
		return p, fmt.Errorf("--profile %q: %w", name, err)
	}
	return p, nil
}

// A start is what differs between two starts of a provisioner.
type start struct {
	provisioner  string // its name
	server, path string // of the share
	directory    string // where the share is
	kubeconfig   string // "" in a pod
	namespace    string // of the lease
	workers      int
	lease        time.Duration
	listen       string
}

func (p profile) arguments(s start) []string {
	var all []string
	for _, a := range p.Args {
		all = append(all, s.fill(a))
	}
	return all
}

// environment is a list of NAME=VALUE.
func (p profile) environment(s start) []string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(p.Env)) {
		all = append(all, name+"="+s.fill(p.Env[name]))
	}
	return all
}

func (s start) fill(text string) string {
	return strings.NewReplacer(
		"{provisioner}", s.provisioner, "{server}", s.server, "{path}", s.path, "{directory}", s.directory,
		"{kubeconfig}", s.kubeconfig, "{namespace}", s.namespace, "{workers}", strconv.Itoa(s.workers),
		"{lease}", s.lease.String(), "{listen}", s.listen,
	).Replace(text)
}
