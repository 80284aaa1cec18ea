# The kernel's NFS server, sourced by init.sh in the last node: NFS 3 and 4.0
# to 4.2 of a file system of its own (hostfs and overlays cannot be exported),
# with project quotas.
mkdir -p /srv/nfs
mount -t xfs -o prjquota /dev/ubdb /srv/nfs
mkdir -p /srv/nfs/export/squash /srv/nfs/export/root
chmod 0777 /srv/nfs/export/*
cat >/etc/nfs.conf <<C
[exports]
rootdir=/srv/nfs
[nfsd]
threads=4
grace-time=10
lease-time=10
[mountd]
manage-gids=n
C
rm -rf /etc/nfs.conf.d /etc/exports.d
cat >/etc/exports <<E
/export/squash *(rw,sync,no_subtree_check,root_squash,anonuid=65534,anongid=65534)
/export/root *(rw,sync,no_subtree_check,no_root_squash)
E
mount -t tmpfs tmpfs /var/lib/nfs
mkdir -p /var/lib/nfs/sm /var/lib/nfs/sm.bak /var/lib/nfs/v4recovery /var/lib/nfs/nfsdcltrack /var/lib/nfs/nfsdcld /var/lib/nfs/rpc_pipefs
touch /var/lib/nfs/etab /var/lib/nfs/rmtab /var/lib/nfs/state
modprobe nfsd
mount -t nfsd nfsd /proc/fs/nfsd
mount -t rpc_pipefs sunrpc /var/lib/nfs/rpc_pipefs
nfsdcld
exportfs -ra
rpc.mountd
rpc.nfsd
