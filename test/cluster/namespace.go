package main

import (
	"os"
	"runtime"
	"syscall"
)

// namespace is the network namespace that everything of a cluster runs in.
const (
	namespace     = "nfscluster"
	namespaceFile = "/run/netns/" + namespace
)

// sysSetns is setns(2) on amd64; the syscall package does not know it.
const sysSetns = 308

// inNamespace calls f on a thread of its own in the cluster's network
// namespace. Sockets that f makes and processes that it starts stay in there.
func inNamespace(f func() error) error {
	done := make(chan error)
	go func() {
		// Never unlocked: the thread ends with the goroutine instead of
		// coming back to the others in the wrong namespace.
		runtime.LockOSThread()
		done <- enterNamespace(f)
	}()
	return <-done
}

func enterNamespace(f func() error) error {
	ns, err := os.Open(namespaceFile)
	if err != nil {
		return err
	}
	defer ns.Close()
	if _, _, errno := syscall.RawSyscall(sysSetns, ns.Fd(), syscall.CLONE_NEWNET, 0); errno != 0 {
		return os.NewSyscallError("setns "+namespaceFile, errno)
	}
	return f()
}
