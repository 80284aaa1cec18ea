// Command bare is the loops that provisioners are compared with: processes of
// their own, as provisioners are, that do the least work for the same end.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"github.com/nfs-provisioner/nfs-provisioner/test/e2e/bench/loops"
)

// all are the loops, by the first argument.
var all = map[string]func(context.Context, options) error{
	"create": create, "list": list, "hold": hold, "delete": deleteReleased, "lead": lead, "files": files, "expand": expand,
	"copy": copyFiles,
}

// options are what a loop is told.
type options struct {
	kubeconfig string
	namespace  string
	class      string
	workers    int
	directory  string
	like       loops.Likeness
	lease      time.Duration
	fileWork
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench-bare:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) == 0 || all[arguments[0]] == nil {
		return fmt.Errorf("name one of %s", strings.Join(slices.Sorted(maps.Keys(all)), ", "))
	}
	var o options
	var like string
	set := pflag.NewFlagSet(arguments[0], pflag.ContinueOnError)
	set.StringVar(&o.kubeconfig, "kubeconfig", "", "how to reach the API server")
	set.StringVar(&o.namespace, "namespace", "", "where the claims are")
	set.StringVar(&o.class, "class", "", "class of the claims; empty: any")
	set.IntVar(&o.workers, "workers", 1, "how much to do at once")
	set.StringVar(&o.directory, "directory", "", "where the share is")
	set.StringVar(&like, "like", "", "the volume to make others like, as JSON")
	set.DurationVar(&o.lease, "lease", 0, "duration of the lease")
	set.BoolVar(&o.unlink, "unlink", false, "delete: remove the files, too")
	set.BoolVar(&o.moved, "moved", false, "delete: the directories are in the trash already")
	set.BoolVar(&o.only, "files-only", false, "delete: the API server has nothing to delete")
	set.StringSliceVar(&o.make, "make", nil, "files: folders to make")
	set.IntVar(&o.fill, "fill", 0, "files: how many files to put into the directory, in folders")
	set.StringVar(&o.from, "from", "", "copy: the directory that is copied")
	set.StringVar(&o.to, "to", "", "copy: the directory that is made")
	set.StringVar(&o.remove, "remove", "", "files: a folder to remove, with all that is in it")
	if err := set.Parse(arguments[1:]); err != nil {
		return err
	}
	if like != "" {
		if err := json.Unmarshal([]byte(like), &o.like); err != nil {
			return fmt.Errorf("--like: %w", err)
		}
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	if err := all[arguments[0]](ctx, o); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s: %w", arguments[0], err)
	}
	return nil
}
