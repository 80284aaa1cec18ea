//go:build kubebox

// Command kubebox is every program of the test cluster that is written in Go,
// in one binary: etcd, the Kubernetes components, CoreDNS and Helm. They share
// most of their dependencies, so linking them together takes the time and the
// disk space of one.
//
// The program to run is the base name the binary was called by, or else its
// first argument:
//
//	ln -s kubebox kubectl && ./kubectl get nodes
//	./kubebox kubectl get nodes
//
// It has a build tag of its own, kubebox, because "go vet ./..." and "go test
// ./..." would else analyse all of Kubernetes, which takes them half an hour.
package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// programs maps the name of a program to its main function. Each reads
// os.Args as if it were alone and does not return before it is done.
var programs = map[string]func(){
	"coredns":                 coredns,
	"etcd":                    etcd,
	"helm":                    helm,
	"kube-apiserver":          apiserver,
	"kube-controller-manager": controllerManager,
	"kube-scheduler":          scheduler,
	"kubectl":                 kubectl,
	"kubelet":                 kubelet,
}

func main() {
	run, ok := programs[filepath.Base(os.Args[0])]
	if !ok && len(os.Args) > 1 {
		run, ok = programs[os.Args[1]]
		os.Args = os.Args[1:]
	}
	if !ok {
		fmt.Fprintln(os.Stderr, "usage: kubebox PROGRAM [ARGUMENTS]")
		fmt.Fprintln(os.Stderr, "programs:", strings.Join(slices.Sorted(maps.Keys(programs)), " "))
		os.Exit(2)
	}
	if filepath.Base(os.Args[0]) != "coredns" {
		dropCoreDNSFlags()
	}
	run()
}
