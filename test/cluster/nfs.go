package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// nfs-ganesha serves NFS 3 and 4.0 to 4.2 on the bridge. The kernel's own
// server does the same in the last node, see guest/nfsd.sh. Both export these:
const (
	squashExport   = "/export/squash" // root becomes 65534
	noSquashExport = "/export/root"   // root stays root
)

// exports lists SERVER:PATH, nfs-ganesha's first.
func exports(path string, nodes int) string {
	return hostAddress + ":" + path + "," + nodeAddress(nodes) + ":" + path
}

const ganeshaRole = "nfs-ganesha"

// startNFS starts nfs-ganesha and the portmapper that version 3 needs.
func (c *cluster) startNFS() error {
	if err := c.makeDirs(c.nfs("run", "ganesha"), c.nfs("lib"), c.nfs("squash"), c.nfs("root")); err != nil {
		return err
	}
	for _, export := range []string{"squash", "root"} {
		if err := os.Chmod(c.nfs(export), 0o777); err != nil {
			return err
		}
	}
	if err := os.WriteFile(c.nfs("ganesha.conf"), []byte(c.ganeshaConfig()), 0o644); err != nil {
		return err
	}
	rpcbind, err := c.start("rpcbind", []string{"rpcbind", "-f", "-s"}, c.privateRun)
	if err != nil {
		return err
	}
	if err := rpcbind.await(20*time.Second, listens("111")); err != nil {
		return err
	}
	return c.startGanesha()
}

func (c *cluster) startGanesha() error {
	ganesha, err := c.start(ganeshaRole, []string{"ganesha.nfsd", "-F", "-f", c.nfs("ganesha.conf"),
		"-L", "STDERR", "-p", "/run/ganesha.pid", "-N", "EVENT"}, c.privateRun)
	if err != nil {
		return err
	}
	return ganesha.await(30*time.Second, listens("2049"))
}

func (c *cluster) nfs(elements ...string) string {
	return c.run(append([]string{"nfs"}, elements...)...)
}

// privateRun gives a daemon a mount namespace of its own in which /run and
// /var/lib/nfs are the cluster's, so that it neither meets nor disturbs the
// machine's own portmapper and NFS server.
func (c *cluster) privateRun(cmd *exec.Cmd) {
	script := `mount --bind "$0/run" /run && mount --bind "$0/lib" /var/lib/nfs && mkdir -p /var/lib/nfs/ganesha && exec "$@"`
	cmd.Args = append([]string{"/bin/sh", "-c", script, c.nfs()}, cmd.Args...)
	cmd.Path, cmd.Err = "/bin/sh", nil
	cmd.SysProcAttr.Unshareflags = syscall.CLONE_NEWNS
}

// listens awaits a TCP server on the bridge.
func listens(port string) func(context.Context) error {
	return func(ctx context.Context) error {
		conn, err := dialInNamespace(ctx, "tcp", hostAddress+":"+port)
		if err != nil {
			return err
		}
		return conn.Close()
	}
}

func (c *cluster) ganeshaConfig() string {
	var b strings.Builder
	b.WriteString(`NFS_CORE_PARAM {
	Protocols = 3, 4;
	NFS_Port = 2049;
	MNT_Port = 20048;
	Enable_NLM = false;
	Enable_RQUOTA = false;
	mount_path_pseudo = true;
}
NFSv4 {
	Graceless = true;
	Minor_Versions = 0, 1, 2;
	RecoveryBackend = fs;
	Only_Numeric_Owners = true;
	Allow_Numeric_Owners = true;
}
NFS_KRB5 { Active_krb5 = false; }
`)
	export := func(id int, directory, pseudo, squash string) {
		fmt.Fprintf(&b, `EXPORT {
	Export_Id = %d;
	Path = %s;
	Pseudo = %s;
	Access_Type = RW;
	Squash = %s;
	Anonymous_uid = 65534;
	Anonymous_gid = 65534;
	SecType = sys;
	Protocols = 3, 4;
	Transports = TCP;
	FSAL { Name = VFS; }
}
`, id, directory, pseudo, squash)
	}
	export(1, c.nfs("squash"), squashExport, "Root_Squash")
	export(2, c.nfs("root"), noSquashExport, "No_Root_Squash")
	return b.String()
}
