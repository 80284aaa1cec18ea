//go:build kubebox

package main

import (
	"flag"

	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/ready"
)

func coredns() { coremain.Run() }

// dropCoreDNSFlags takes the flags that importing CoreDNS puts on the flag
// package's command line away again. The Kubernetes commands adopt every flag
// they find there, and CoreDNS's -p would collide with their own shorthands.
func dropCoreDNSFlags() {
	dropped := map[string]bool{
		"conf": true, "plugins": true, "pidfile": true, "version": true, "quiet": true,
		"log-format": true, "dns.port": true, "p": true,
	}
	kept := flag.NewFlagSet(flag.CommandLine.Name(), flag.ExitOnError)
	flag.VisitAll(func(f *flag.Flag) {
		if !dropped[f.Name] {
			kept.Var(f.Value, f.Name, f.Usage)
		}
	})
	flag.CommandLine = kept
}
