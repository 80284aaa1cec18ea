{{/*
shorten cuts a name that is too long for its kind, and ends it in a hash of the whole, so that two long names that
begin alike stay different. Arguments: a list of the name and the longest permitted length.
*/}}
{{- define "nfs-provisioner.shorten" -}}
{{- $name := index . 0 -}}
{{- $max := index . 1 -}}
{{- if gt (len $name) $max -}}
{{- printf "%s-%s" (trunc (int (sub $max 9)) $name | trimSuffix "-" | trimSuffix ".") (sha256sum $name | trunc 8) -}}
{{- else -}}
{{- $name -}}
{{- end -}}
{{- end }}

{{- define "nfs-provisioner.name" -}}
{{- include "nfs-provisioner.shorten" (list (.Values.nameOverride | default .Chart.Name) 63) -}}
{{- end }}

{{- define "nfs-provisioner.namespace" -}}
{{- .Values.namespaceOverride | default .Release.Namespace -}}
{{- end }}

{{/* The name of what lives in the release's namespace. */}}
{{- define "nfs-provisioner.fullname" -}}
{{- $name := .Values.nameOverride | default .Chart.Name -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- include "nfs-provisioner.shorten" (list (.Values.fullnameOverride | default $full) 63) -}}
{{- end }}

{{/*
The name of what lives outside namespaces. A namespace has no dot in its name, so that everything before the first
dot is the namespace, and no two releases get one name.
*/}}
{{- define "nfs-provisioner.clusterName" -}}
{{- printf "%s.%s" (include "nfs-provisioner.namespace" .) (include "nfs-provisioner.fullname" .) -}}
{{- end }}

{{- define "nfs-provisioner.selectorLabels" -}}
app.kubernetes.io/name: {{ include "nfs-provisioner.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "nfs-provisioner.labels" -}}
{{ include "nfs-provisioner.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ include "nfs-provisioner.shorten" (list (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_") 63) }}
{{- end }}

{{/*
The metadata of an object. Arguments: a dict of root, name, and, where there are any, namespace, labels, annotations,
and the component that it is part of, so that selectors of the provisioner's own pods pass it over.
*/}}
{{- define "nfs-provisioner.metadata" -}}
{{- $labels := include "nfs-provisioner.labels" .root | fromYaml -}}
{{- with .component -}}
{{- $name := printf "%s-%s" (index $labels "app.kubernetes.io/name") . -}}
{{- $_ := set $labels "app.kubernetes.io/name" (include "nfs-provisioner.shorten" (list $name 63)) -}}
{{- end -}}
name: {{ .name }}
{{- with .namespace }}
namespace: {{ . }}
{{- end }}
labels:
  {{- merge $labels (.labels | default dict) .root.Values.commonLabels | toYaml | nindent 2 }}
{{- with merge (dict) (.annotations | default dict) .root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "nfs-provisioner.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "nfs-provisioner.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end }}

{{- define "nfs-provisioner.provisionerName" -}}
{{- .Values.provisionerName | default (printf "cluster.local/%s" (include "nfs-provisioner.fullname" .)) -}}
{{- end }}

{{/* The lease is named after the provisioner, not the release: whoever answers to one name must share one lease. */}}
{{- define "nfs-provisioner.leaseName" -}}
{{- include "nfs-provisioner.provisionerName" . | lower | replace "/" "-" | replace "_" "-" -}}
{{- end }}

{{/* The reference of an image. Arguments: a list of the values that describe it, and the tag without one. */}}
{{- define "nfs-provisioner.image" -}}
{{- $image := index . 0 -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository ($image.tag | default (index . 1)) -}}
{{- end -}}
{{- end }}

{{/*
The hash of everything in a share that Kubernetes does not let a PersistentVolume change, and of whose share it is.
Arguments: a list of the root context and the share.
*/}}
{{- define "nfs-provisioner.shareHash" -}}
{{- $root := index . 0 -}}
{{- $share := index . 1 -}}
{{- list
      (include "nfs-provisioner.clusterName" $root) $share.name
      $share.server $share.path ($share.mountOptions | default list) ($share.size | default "1Ti")
    | toJson | sha256sum | trunc 8 -}}
{{- end }}

{{/* The PersistentVolume of a share. Arguments: a list of the root context and the share. */}}
{{- define "nfs-provisioner.shareVolume" -}}
{{- $root := index . 0 -}}
{{- $share := index . 1 -}}
{{- printf "%s.%s-%s" (include "nfs-provisioner.clusterName" $root) $share.name (include "nfs-provisioner.shareHash" .) -}}
{{- end }}

{{/* The PersistentVolumeClaim of a share. Arguments: a list of the root context and the share. */}}
{{- define "nfs-provisioner.shareClaim" -}}
{{- $root := index . 0 -}}
{{- $share := index . 1 -}}
{{- printf "%s-%s-%s" (include "nfs-provisioner.fullname" $root) $share.name (include "nfs-provisioner.shareHash" .) -}}
{{- end }}

{{/*
The name of the Service, and of the job that Prometheus makes of it. Unlike other names it may have no dot, and begin
with no digit.
*/}}
{{- define "nfs-provisioner.serviceName" -}}
{{- $name := include "nfs-provisioner.fullname" . -}}
{{- if regexMatch "^[a-z][-a-z0-9]*$" $name -}}
{{- $name -}}
{{- else -}}
{{- printf "s-%s-%s" (replace "." "-" $name | trunc 52 | trimSuffix "-") (sha256sum $name | trunc 8) -}}
{{- end -}}
{{- end }}

{{/*
The name of what may live in a namespace of others, among those of other releases. Arguments: a list of the root
context and that namespace, which may be empty.
*/}}
{{- define "nfs-provisioner.nameIn" -}}
{{- $root := index . 0 -}}
{{- $namespace := index . 1 -}}
{{- if or (not $namespace) (eq $namespace (include "nfs-provisioner.namespace" $root)) -}}
{{- include "nfs-provisioner.fullname" $root -}}
{{- else -}}
{{- include "nfs-provisioner.clusterName" $root -}}
{{- end -}}
{{- end }}

{{/* What finds the metrics of this release, and of no other, in Prometheus. */}}
{{- define "nfs-provisioner.metricsSelector" -}}
{{- .Values.metrics.prometheusRule.selector | default (printf "namespace=%q,job=%q" (include "nfs-provisioner.namespace" .) (include "nfs-provisioner.serviceName" .)) -}}
{{- end }}

{{/* What the schema cannot see. */}}
{{- define "nfs-provisioner.validate" -}}
{{- if not .Values.shares -}}
{{- fail "\n\nshares is empty: name at least one NFS export, for example\n  --set 'shares[0].name=default,shares[0].server=nfs.example.com,shares[0].path=/export'\n" -}}
{{- end -}}
{{- $shares := dict -}}
{{- range .Values.shares -}}
{{- if hasKey $shares .name -}}
{{- fail (printf "\n\nshares: the name %q is given twice; each share needs a name of its own.\n" .name) -}}
{{- end -}}
{{- $_ := set $shares .name true -}}
{{- include "nfs-provisioner.checkShare" . -}}
{{- end -}}
{{- include "nfs-provisioner.checkShares" . -}}
{{- $classes := dict -}}
{{- $default := "" -}}
{{- range .Values.storageClasses -}}
{{- if hasKey $classes .name -}}
{{- fail (printf "\n\nstorageClasses: the name %q is given twice; each class needs a name of its own.\n" .name) -}}
{{- end -}}
{{- $_ := set $classes .name true -}}
{{- if and .share (not (hasKey $shares .share)) -}}
{{- fail (printf "\n\nstorageClasses: class %q names the share %q, which is not one of shares: %s.\n" .name .share (keys $shares | sortAlpha | join ", ")) -}}
{{- end -}}
{{- include "nfs-provisioner.checkParameters" . -}}
{{- if .default -}}
{{- if $default -}}
{{- fail (printf "\n\nstorageClasses: %q and %q are both marked default; a cluster should have one default class. Leave default: true on one of them.\n" $default .name) -}}
{{- end -}}
{{- $default = .name -}}
{{- end -}}
{{- end -}}
{{- if and (not .Values.leaderElection.enabled) (gt (int .Values.replicaCount) 1) -}}
{{- fail (printf "\n\nreplicaCount is %d, but leaderElection.enabled is false: two replicas would write to a share at once. Set replicaCount to 1.\n" (int .Values.replicaCount)) -}}
{{- end -}}
{{- if and .Values.metrics.serviceMonitor.enabled (not .Values.metrics.service.enabled) -}}
{{- fail "\n\nmetrics.serviceMonitor is enabled, but metrics.service is not: there is no Service to monitor. Enable both.\n" -}}
{{- end -}}
{{- $env := dict "NFS_SHARES" true -}}
{{- range .Values.extraEnv -}}
{{- if eq .name "NFS_SHARES" -}}
{{- fail "\n\nextraEnv: NFS_SHARES is made from shares; add a share there.\n" -}}
{{- end -}}
{{- if hasKey $env .name -}}
{{- fail (printf "\n\nextraEnv: %q is given twice.\n" .name) -}}
{{- end -}}
{{- $_ := set $env .name true -}}
{{- end -}}
{{- include "nfs-provisioner.checkSettings" . -}}
{{- include "nfs-provisioner.checkProvisionerName" . -}}
{{- range .Values.storageClasses -}}
{{- include "nfs-provisioner.checkClass" (list $ .) -}}
{{- end -}}
{{- end }}
