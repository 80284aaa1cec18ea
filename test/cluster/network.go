package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// The network is a bridge with one tap for each node:
//
//	10.99.0.1       the bridge: API server, CoreDNS, nfs-ganesha
//	10.99.0.1N      node N
//	10.98.N.0/24    the pods of node N
//	10.96.0.1       the API's service address, also on the bridge
const (
	hostAddress    = "10.99.0.1"
	serviceAddress = "10.96.0.1"
	serviceCIDR    = "10.96.0.0/16"
	maxNodes       = 9
)

func nodeName(n int) string    { return fmt.Sprintf("node%d", n) }
func nodeAddress(n int) string { return fmt.Sprintf("10.99.0.1%d", n) }
func nodeMAC(n int) string     { return fmt.Sprintf("02:00:0a:63:00:1%d", n) }
func podCIDR(n int) string     { return fmt.Sprintf("10.98.%d.0/24", n) }
func tapName(n int) string     { return fmt.Sprintf("tap%d", n) }

// makeNetwork makes the namespace and all that is in it.
func makeNetwork(nodes int) error {
	if err := quietly("ip", "netns", "add", namespace); err != nil {
		return err
	}
	batch := exec.Command("ip", "-n", namespace, "-batch", "-")
	batch.Stdin = strings.NewReader(networkBatch(nodes))
	if out, err := batch.CombinedOutput(); err != nil {
		return fmt.Errorf("set up the network: %w: %s", err, out)
	}
	return inNamespace(func() error {
		return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0)
	})
}

// networkBatch is the input for ip -batch.
func networkBatch(nodes int) string {
	var b strings.Builder
	fmt.Fprintln(&b, "link set lo up")
	fmt.Fprintln(&b, "link add br0 type bridge")
	fmt.Fprintf(&b, "addr add %s/24 dev br0\n", hostAddress)
	fmt.Fprintf(&b, "addr add %s/32 dev br0\n", serviceAddress)
	fmt.Fprintln(&b, "link set br0 up")
	for n := 1; n <= nodes; n++ {
		fmt.Fprintf(&b, "tuntap add %s mode tap\n", tapName(n))
		fmt.Fprintf(&b, "link set %s master br0\n", tapName(n))
		fmt.Fprintf(&b, "link set %s up\n", tapName(n))
		fmt.Fprintf(&b, "route add %s via %s\n", podCIDR(n), nodeAddress(n))
	}
	return b.String()
}

// quietly runs a command and shows its output only when it fails.
func quietly(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
