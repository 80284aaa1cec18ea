# containerd and kubelet, sourced by init.sh.
mkdir -p /node
mount -t ext4 /dev/ubda /node
mkdir -p /node/containerd /node/kubelet /node/pods /var/lib/containerd /var/lib/kubelet /var/log/pods
mount --bind /node/containerd /var/lib/containerd
mount --bind /node/kubelet /var/lib/kubelet
mount --bind /node/pods /var/log/pods
mount --make-rshared /

mkdir -p /etc/containerd /etc/cni/net.d
cat >/etc/containerd/config.toml <<T
version = 2
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs"]
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "docker.io/library/pause:local"
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "/etc/cni/net.d"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
T
# Without portmap, and so without hostPort: that runs iptables a dozen times for each pod that starts or ends, and once
# more when kubelet collects what is left of it, all of which takes the node's one processor from everybody else.
cat >/etc/cni/net.d/10-cluster.conflist <<T
{"cniVersion": "0.4.0", "name": "cluster", "plugins": [
  {"type": "ptp", "ipMasq": false, "ipam": {"type": "host-local", "subnet": "10.98.$CLUSTER_NODE.0/24", "routes": [{"dst": "0.0.0.0/0"}]}}
]}
T
containerd >/run/logs/containerd.log 2>&1 &
until ctr version >/dev/null 2>&1; do sleep .1; done
"$CLUSTER_DIR/bin/cluster" agent "$ADDRESS" "$CLUSTER_DIR/run/pki/agent.token" >/run/logs/agent.log 2>&1 &

# kubelet asks for a clock speed, which user-mode Linux does not report.
{
  grep -v '^$' /proc/cpuinfo
  printf 'cpu MHz\t\t: 2400.000\nphysical id\t: 0\nsiblings\t: 1\ncore id\t\t: 0\ncpu cores\t: 1\n\n'
} >/run/cpuinfo
mount --bind /run/cpuinfo /proc/cpuinfo
cat >/run/kubelet.yaml <<K
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication:
  anonymous: {enabled: false}
  x509: {clientCAFile: $CLUSTER_DIR/run/pki/ca.crt}
  webhook: {enabled: true}
authorization: {mode: Webhook}
tlsCertFile: $CLUSTER_DIR/run/pki/$NODE.crt
tlsPrivateKeyFile: $CLUSTER_DIR/run/pki/$NODE.key
clusterDomain: cluster.local
clusterDNS: [10.99.0.1]
resolvConf: ""
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
cgroupDriver: cgroupfs
enforceNodeAllocatable: []
evictionHard: {}
failSwapOn: false
imageGCHighThresholdPercent: 100 # never; it does not know how full the disk is
localStorageCapacityIsolation: false
makeIPTablesUtilChains: false
syncFrequency: 10s
K
"$CLUSTER_DIR/bin/kubelet" --config=/run/kubelet.yaml --kubeconfig="$CLUSTER_DIR/run/pki/$NODE.kubeconfig" \
  --hostname-override="$NODE" --node-ip="$ADDRESS" >/run/logs/kubelet.log 2>&1 &
wait $!
echo "kubelet has ended: code $?"
