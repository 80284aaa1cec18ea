//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// frail is a release of its own that notices soon when something is wrong, on
// exports of its own on both servers, for tests that take those away.
type frail struct {
	ganesha place
	kernel  []place // one for each of kernelShares
}

// Its names. They are fixed, so that a run finds what an interrupted one left.
const (
	frailRelease     = "frail"
	frailHome        = home + "-frail"
	frailProvisioner = "cluster.local/frail-nfs-provisioner"
	frailFolder      = "e2e-frail"
)

// How soon it notices.
const (
	frailTimeout = 3 * time.Second
	frailLease   = 9 * time.Second
)

// A place is an export to which a test may do what it likes.
type place struct {
	export
	// run runs a shell command in the export's root, past every mount of the
	// provisioner. The export's server has to be well.
	run func(ctx context.Context, script string) (string, error)
}

func (p place) look(s *scene, script string) string {
	s.Helper()
	out, err := p.run(s.Context(), script)
	if err != nil {
		s.Fatal(err)
	}
	return out
}

// class is a class of the frail release.
func (p place) class(name string, parameters map[string]string) *storagev1.StorageClass {
	c := class(name, p.export, parameters)
	c.Provisioner = frailProvisioner
	return c
}

// kernelShares are the exports of the kernel's server, each named after what
// will happen to it.
var kernelShares = []string{"read-only", "full", "over-quota", "refused", "not-exported", "made-anew"}

// The kernel's server gets file systems of their own, which a test can fill.
// The export is a directory in it, which a test can replace.
const (
	kernelFolder = "/srv/nfs/export/" + frailFolder
	kernelImages = "/srv/nfs/" + frailFolder
)

// Scripts that fill the file system of the directory they run in, and undo that.
// Who writes there meanwhile may leave too little for the first of the files.
const (
	fillUp   = "fallocate -l $(($(stat -f -c '%a*%S' .) * 99 / 100)) fill 2>/dev/null || true; dd if=/dev/zero of=rest bs=4k 2>/dev/null || true"
	makeRoom = "rm -f fill rest"
)

func kernelMount(share string) string { return kernelFolder + "/" + share }
func kernelRoot(share string) string  { return kernelMount(share) + "/root" }
func kernelPath(share string) string  { return "/export/" + frailFolder + "/" + share + "/root" }

func exportAs(access, share string) string {
	return "exportfs -o " + access + ",async,no_subtree_check,root_squash,anonuid=65534,anongid=65534 '*:" + kernelPath(share) + "'"
}

func unexport(share string) string { return "exportfs -u '*:" + kernelPath(share) + "'" }

// The server grants no delegations meanwhile. It could not call one back of
// what it exports no more, and would keep the file for as long as it tries.
const leases = "sysctl -q -w fs.lease-break-time=1 fs.leases-enable="

func makeKernel() string {
	script := []string{"modprobe loop", leases + "0", "mkdir -p " + kernelImages}
	for _, share := range kernelShares {
		image, mount := kernelImages+"/"+share+".xfs", kernelMount(share)
		script = append(script,
			"truncate -s 320M "+image, "mkfs.xfs -q "+image,
			"mkdir -p "+mount, "mount -o loop,uquota "+image+" "+mount,
			"mkdir -m 777 "+kernelRoot(share), exportAs("rw", share))
	}
	return strings.Join(script, "\n")
}

func removeKernel() string {
	var script []string
	for _, share := range kernelShares {
		script = append(script, unexport(share)+" 2>/dev/null || true",
			"if mountpoint -q "+kernelMount(share)+"; then umount -l "+kernelMount(share)+"; fi")
	}
	return strings.Join(append(script, "rm -rf "+kernelFolder+" "+kernelImages, leases+"1"), "\n")
}

// onServer runs a shell command as root on the node that is an NFS server, the
// last one.
func onServer(ctx context.Context, script string) (string, error) {
	nodes, err := under.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return "", err
	}
	return control(ctx, "node", fmt.Sprint(len(nodes.Items)), "--", "sh", "-ec", script)
}

// installFrail makes the exports and the release, for this test and those after
// it.
func (s *scene) installFrail() frail {
	s.Helper()
	s.Cleanup(func() {
		if s.Failed() {
			log, err := command(context.Background(), "kubectl", "logs", "--namespace", frailHome, "--selector", "app.kubernetes.io/instance="+frailRelease, "--tail", "300", "--prefix")
			s.Logf("%v\n%s", err, log)
		}
	})
	if under.frail == nil {
		f := newFrail()
		if err := errors.Join(under.uninstallFrail(s.Context()), f.removeExports(s.Context())); err != nil {
			s.Fatal(err)
		}
		under.frail = &f // from here on there is something to remove
		if err := f.install(s.Context()); err != nil {
			s.Fatal(err)
		}
	}
	return *under.frail
}

func newFrail() (f frail) {
	squashed := under.of(true) // nfs-ganesha's, then the kernel's
	g := squashed[0]
	f.ganesha = place{
		export{g.server, g.path + "/" + frailFolder, "ganesha", true},
		func(ctx context.Context, script string) (string, error) {
			return inInspector(ctx, g, "cd "+inspectorRoot+"/"+frailFolder+"; "+script)
		},
	}
	for _, share := range kernelShares {
		f.kernel = append(f.kernel, place{
			export{squashed[1].server, kernelPath(share), share, true},
			func(ctx context.Context, script string) (string, error) {
				return onServer(ctx, "cd "+kernelRoot(share)+"; "+script)
			},
		})
	}
	return f
}

func (f frail) install(ctx context.Context) error {
	if _, err := inInspector(ctx, under.of(true)[0], "mkdir -m 777 "+inspectorRoot+"/"+frailFolder); err != nil {
		return err
	}
	if _, err := onServer(ctx, makeKernel()); err != nil {
		return err
	}
	exports := []export{f.ganesha.export}
	for _, p := range f.kernel {
		exports = append(exports, p.export)
	}
	values, err := under.frailValues(exports)
	if err != nil {
		return err
	}
	_, err = command(ctx, "helm", "install", frailRelease, under.chart, "--namespace", frailHome, "--create-namespace",
		"--values", values, "--wait", "--timeout", "3m")
	return err
}

// removeExports removes what the exports of the frail release are made of, once
// nobody has mounted them.
func (f frail) removeExports(ctx context.Context) error {
	_, ganeshas := inInspector(ctx, under.of(true)[0], "rm -rf "+inspectorRoot+"/"+frailFolder)
	_, kernels := onServer(ctx, removeKernel())
	return errors.Join(ganeshas, kernels)
}

func inInspector(ctx context.Context, e export, script string) (string, error) {
	out, err := command(ctx, "kubectl", "exec", "--namespace", home, e.inspector(), "--", "sh", "-ec", script)
	return strings.TrimSpace(out), err
}

// frailInstall is where the frail release has its pods and its lease.
var frailInstall = installation{frailHome, frailRelease, strings.ReplaceAll(frailProvisioner, "/", "-")}

func (s *suite) frailValues(shares []export) (file string, err error) {
	values := s.imageAndShares(shares)
	values["operationTimeout"] = frailTimeout.String()
	values["extraArgs"] = []string{
		"--inventory-interval=15s",
		"--leader-election-lease-duration=" + frailLease.String(),
		"--leader-election-renew-deadline=" + (frailLease * 2 / 3).String(),
	}
	return writeValues("frail", values)
}

// uninstallFrail removes the frail release and the namespace that it is in.
func (s *suite) uninstallFrail(ctx context.Context) error {
	if _, err := command(ctx, "helm", "uninstall", frailRelease, "--namespace", frailHome, "--ignore-not-found", "--wait"); err != nil {
		return err
	}
	_, err := command(ctx, "kubectl", "delete", "namespace", frailHome, "--ignore-not-found")
	return err
}
