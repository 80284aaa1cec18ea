#!/bin/bash
# Process 1 of a node. Its root is the host's / (hostfs, read-only) under a
# tmpfs overlay: there is no image to build, and nothing on the host changes.
#
# From the kernel's command line, as environment:
#   CLUSTER_DIR    the cluster's state directory
#   CLUSTER_NODE   this node's number, CLUSTER_NODES how many there are
#   CLUSTER_MODULES where the kernel's modules are, by release
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
export CLUSTER_NODE CLUSTER_NODES CLUSTER_DIR NODE=node$CLUSTER_NODE ADDRESS=10.99.0.1$CLUSTER_NODE

mount -t proc proc /proc
mount -t tmpfs -o size=75% tmpfs /mnt
modules=$CLUSTER_MODULES/$(uname -r)
insmod "$modules/kernel/fs/overlayfs/overlay.ko"
mkdir /mnt/up /mnt/work /mnt/root
mount -t overlay -o lowerdir=/,upperdir=/mnt/up,workdir=/mnt/work overlay /mnt/root
cd /mnt/root
mkdir -p oldroot usr/lib/modules
ln -sfn "$modules" "usr/lib/modules/$(uname -r)"
pivot_root . oldroot
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts /dev/shm /dev/mqueue
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t mqueue mqueue /dev/mqueue
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
mount -t tmpfs tmpfs /var/tmp
mount -t cgroup2 cgroup2 /sys/fs/cgroup
umount -l /oldroot
# The cluster's own folder may be below one that is hidden now.
[ -e "$CLUSTER_DIR/run" ] || { mkdir -p "$CLUSTER_DIR" && mount -r -t hostfs -o "$CLUSTER_DIR" hostfs "$CLUSTER_DIR"; }
mkdir -p /run/lock /run/logs
chmod 1777 /tmp /var/tmp /run/lock

# The logs go to the host, where they can be read while the node hangs.
mount -t hostfs -o "$CLUSTER_DIR/run/logs/$NODE" hostfs /run/logs

# Since Linux 7.0 the client asks for delegations of directories. nfs-ganesha 4 answers so that it takes what exists for
# missing, and says "remote I/O error".
echo "options nfsv4 directory_delegations=N" >/etc/modprobe.d/nfs-directories.conf
modprobe -a nfsv3 nfsv4 quota_v2 veth
echo 1 >/proc/sys/net/ipv4/ip_forward
hostname "$NODE"
ip link set lo up
ip addr add "$ADDRESS/24" dev vec0
ip link set vec0 up
ip route add default via 10.99.0.1
{
  echo "127.0.0.1 localhost"
  echo "10.99.0.1 ganesha"
  for n in $(seq "$CLUSTER_NODES"); do echo "10.99.0.1$n node$n"; done
} >/etc/hosts
: >/etc/resolv.conf

exec >/run/logs/boot.log 2>&1
# Version 3 of NFS wants a portmapper, on its server and for its locks.
rpcbind
rpc.statd --no-notify
[ -b /dev/ubdb ] && . "$CLUSTER_DIR/run/guest/nfsd.sh"
. "$CLUSTER_DIR/run/guest/node.sh"
echo o >/proc/sysrq-trigger
