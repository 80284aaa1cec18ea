//go:build kubebox

package main

import (
	"context"
	"os"

	"github.com/spf13/cobra"
	_ "k8s.io/client-go/plugin/pkg/client/auth" // as kubectl and Helm have them
	"k8s.io/component-base/cli"
	"k8s.io/component-base/logs"
	_ "k8s.io/component-base/logs/json/register"          // --logging-format=json
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // metrics of client-go
	_ "k8s.io/component-base/metrics/prometheus/version"  // metric of the version
	kubectlcmd "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	apiserverapp "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanagerapp "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	schedulerapp "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubeletapp "k8s.io/kubernetes/cmd/kubelet/app"
)

// exec runs the command of a component and exits with its code. The commands
// are built inside the functions below: building one registers flags, which
// must not happen for the programs that do not run.
func exec(command *cobra.Command) { os.Exit(cli.Run(command)) }

func apiserver()         { exec(apiserverapp.NewAPIServerCommand()) }
func controllerManager() { exec(controllermanagerapp.NewControllerManagerCommand()) }
func scheduler()         { exec(schedulerapp.NewSchedulerCommand()) }
func kubelet()           { exec(kubeletapp.NewKubeletCommand(context.Background())) }

func kubectl() {
	// The verbosity must be known before the command is built, which logs.
	_, _ = logs.GlogSetter(kubectlcmd.GetLogVerbosity(os.Args))
	if err := cli.RunNoErrOutput(kubectlcmd.NewDefaultKubectlCommand()); err != nil {
		kubectlutil.CheckErr(err)
	}
}
