#!/bin/bash
# demo.sh shows nfs-provisioner at work: it starts the test cluster, installs the chart, asks for a volume, writes to it
# from a pod, and reads what was written where the NFS server keeps it. The cluster is left up to look around in, unless
# DEMO_DOWN is set. `make demo` builds what it needs.
set -euo pipefail
cd "$(dirname "$0")/../.."

cluster=out/bin/cluster
image=${IMAGE:-docker.io/library/nfs-provisioner:local}
namespace=nfs-provisioner
begin=$SECONDS

if [ -t 1 ]; then bold=$'\e[1m' plain=$'\e[0m'; else bold='' plain=''; fi

say() { printf '\n%s%3d s  %s%s\n' "$bold" $((SECONDS - begin)) "$*" "$plain"; }
show() { sed 's/^/       /'; }
in_cluster() { $cluster exec -- "$@" </dev/null; }
apply() { $cluster exec -- kubectl apply --filename - | show; } # from standard input

failed() {
  local status=$?
  trap - EXIT
  [ "$status" -eq 0 ] && return
  if [ "$status" -ge 128 ]; then
    say "Interrupted"
    $cluster down
    exit "$status"
  fi
  say "That went wrong. What the cluster says:"
  {
    in_cluster kubectl --namespace demo get pvc,pod
    in_cluster kubectl --namespace demo get events --sort-by .lastTimestamp
    in_cluster kubectl --namespace $namespace get pods
    in_cluster kubectl --namespace $namespace logs --selector app.kubernetes.io/instance=nfs-provisioner --prefix --tail 30
  } 2>&1 | show
  rm -rf out/logs/cluster
  mkdir -p out/logs/cluster
  $cluster logs out/logs/cluster || true
  echo "All logs are in out/logs/cluster. make cluster-down takes the cluster down."
  [ -z "${DEMO_DOWN:-}" ] || $cluster down
  exit "$status"
}
trap failed EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

say "Starting a Kubernetes cluster, with an NFS server beside it"
if $cluster status >/dev/null 2>&1; then
  echo "one is up already" | show
else
  $cluster up --nodes "${NODES:-1}" | show
fi
$cluster load out/nfs-provisioner.tar | show

# nfs-ganesha's export comes first; it serves a directory of this machine.
share=$(in_cluster sh -c 'echo "${NFS_NO_ROOT_SQUASH_EXPORTS%%,*}"')
server=${share%%:/*}
path=/${share#*:/}
served=$($cluster status | awk '$1 == "state" {print $2}')/run/nfs/${path##*/}

say "Installing nfs-provisioner, for the share $share"
in_cluster helm upgrade --install nfs-provisioner charts/nfs-provisioner --namespace $namespace --create-namespace \
  --set "image.repository=${image%:*},image.tag=${image##*:},image.pullPolicy=Never,replicaCount=1" \
  --set "shares[0].name=default,shares[0].server=$server,shares[0].path=$path" \
  --set 'storageClasses[0].name=nfs,storageClasses[0].parameters.pathPattern=${.PVC.namespace}/${.PVC.name}' \
  --wait --timeout 3m >/dev/null
in_cluster kubectl --namespace $namespace get pods | show

say "Asking for a volume, of the class nfs"
in_cluster kubectl create namespace demo --dry-run=client --output yaml | apply
asked=$(date +%s%N)
apply <<'EOF'
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: hello
  namespace: demo
spec:
  storageClassName: nfs
  accessModes: [ReadWriteMany]
  resources:
    requests:
      storage: 1Gi
EOF
in_cluster kubectl --namespace demo wait pvc/hello --for=jsonpath='{.status.phase}'=Bound --timeout=60s >/dev/null
took=$((($(date +%s%N) - asked) / 1000000))
echo "Bound; asking, waiting and all the commands took $took ms" | show
volume=$(in_cluster kubectl --namespace demo get pvc hello --output jsonpath='{.spec.volumeName}')
in_cluster kubectl get pv "$volume" \
  --output custom-columns='VOLUME:.metadata.name,CLAIM:.spec.claimRef.name,SERVER:.spec.nfs.server,PATH:.spec.nfs.path,SIZE:.spec.capacity.storage' | show
directory=$(in_cluster kubectl get pv "$volume" --output jsonpath='{.spec.nfs.path}')
directory=$served/${directory#"$path"/}

say "A pod writes to it"
in_cluster kubectl --namespace demo delete pod writer --ignore-not-found >/dev/null
apply <<'EOF'
apiVersion: v1
kind: Pod
metadata:
  name: writer
  namespace: demo
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 1
  containers:
    - name: writer
      image: docker.io/library/busybox:local
      imagePullPolicy: Never
      command: [sh, -c, 'echo "Hello from $HOSTNAME, as user $(id -u)" > /data/hello.txt']
      securityContext:
        runAsUser: 1000
      volumeMounts:
        - {name: data, mountPath: /data}
  volumes:
    - name: data
      persistentVolumeClaim: {claimName: hello}
EOF
in_cluster kubectl --namespace demo wait pod/writer --for=jsonpath='{.status.phase}'=Succeeded --timeout=90s | show

say "What the NFS server has, read without Kubernetes"
{
  echo "\$ ls -ln $directory"
  ls -ln "$directory"
  echo "\$ cat $directory/hello.txt"
  cat "$directory/hello.txt"
} | show

trap - EXIT
if [ -n "${DEMO_DOWN:-}" ]; then
  say "Taking the cluster down"
  $cluster down | show
else
  say "Done. The cluster is up; look around, for example:"
  show <<EOF
out/bin/cluster exec -- kubectl get storageclass,pv
out/bin/cluster exec -- kubectl --namespace demo describe pvc hello
out/bin/cluster exec -- kubectl --namespace $namespace logs deployment/nfs-provisioner
out/bin/cluster exec -- kubectl --namespace demo delete pod/writer pvc/hello   # then see: ls $served

make cluster-down takes it down.
EOF
fi
