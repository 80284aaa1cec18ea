package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/pflag"
	"k8s.io/klog/v2"

	"github.com/nfs-provisioner/nfs-provisioner/internal/controller"
)

// Exit codes of the program.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2 // flags or environment make no sense
)

// run is the program without its process.
func run(arguments, environment []string, out, complaints io.Writer) int {
	if len(arguments) > 0 && arguments[0] == inventoryCommand {
		return list(arguments[1:], environment, out, complaints)
	}
	o, err := parse(arguments, environment)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return write(out, usage())
	case err != nil:
		return complain(complaints, exitUsage, err)
	case o.showVersion:
		return write(out, describeVersion()+"\n")
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	if err := logTo(complaints); err != nil {
		return complain(complaints, exitUsage, err)
	}
	klog.FromContext(ctx).Info("Starting", "version", describeVersion(), "provisioner", o.config.Provisioner)
	err = controller.Run(ctx, o.config)
	klog.Flush()
	if err != nil {
		return complain(complaints, exitFailed, err)
	}
	return exitOK
}

// complain prints each part of an error as a line of its own.
func complain(to io.Writer, code int, err error) int {
	for line := range strings.SplitSeq(err.Error(), "\n") {
		if _, err := fmt.Fprintf(to, "nfs-provisioner: %s\n", line); err != nil {
			return exitFailed
		}
	}
	if code == exitUsage {
		if _, err := fmt.Fprintln(to, "nfs-provisioner: --help shows every flag"); err != nil {
			return exitFailed
		}
	}
	return code
}

func write(to io.Writer, text string) int {
	if _, err := io.WriteString(to, text); err != nil {
		return exitFailed
	}
	return exitOK
}
