package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// options are what flags say.
type options struct {
	provisioner string
	profile     string
	parameters  map[string]string
	only        []string
	repeat      int
	quick       bool
	out         string
	work        string
	etcd        string
	render      bool
}

func flags(o *options) *pflag.FlagSet {
	const repeat = 3
	set := pflag.NewFlagSet("bench", pflag.ContinueOnError)
	set.SortFlags = false
	set.StringVar(&o.provisioner, "provisioner", "out/bin/nfs-provisioner", "program of the provisioner")
	set.StringVar(&o.profile, "profile", "nfs-provisioner", "how that is started: one of "+strings.Join(profileNames(), ", ")+", or a file like those")
	set.StringToStringVar(&o.parameters, "class", nil, "parameters of the class, besides those of the profile: KEY=VALUE,...")
	set.StringSliceVar(&o.only, "only", nil, "measure these rows alone, and keep the others of a report of the same program: "+strings.Join(allKeys(), ","))
	set.IntVar(&o.repeat, "repeat", repeat, "how often each side is measured; rows that take long are measured less often")
	set.BoolVar(&o.quick, "quick", false, "small numbers: a test that all of it works, and no measurement")
	set.StringVar(&o.out, "out", "docs", "where benchmark.json, benchmark.md and the plots go")
	set.StringVar(&o.work, "work", "out/bench", "directory of the share and of the logs")
	set.StringVar(&o.etcd, "etcd", "http://127.0.0.1:2379", "etcd of the test cluster")
	set.BoolVar(&o.render, "render", false, "measure nothing; write benchmark.md and the plots from benchmark.json")
	return set
}

func parse(arguments []string) (options, error) {
	var o options
	set := flags(&o)
	if err := set.Parse(arguments); err != nil {
		return o, err
	}
	var problems []error
	if set.NArg() > 0 {
		problems = append(problems, fmt.Errorf("%q is not a flag", set.Arg(0)))
	}
	for _, key := range o.only {
		if !slices.Contains(allKeys(), key) {
			problems = append(problems, fmt.Errorf("--only %q: there is no such row; there are %s", key, strings.Join(allKeys(), ", ")))
		}
	}
	if o.repeat < 1 {
		problems = append(problems, fmt.Errorf("--repeat is %d; it must be at least 1", o.repeat))
	}
	if o.quick {
		o.repeat = min(o.repeat, 2)
	}
	return o, errors.Join(problems...)
}

// wants says whether a row is to be measured.
func (o options) wants(key string) bool { return len(o.only) == 0 || slices.Contains(o.only, key) }
