{{/* The class of the test of a share. Arguments: a list of the root context and the share. */}}
{{- define "nfs-provisioner.testClass" -}}
{{- $name := printf "%s-test-%s" (include "nfs-provisioner.clusterName" (index . 0)) (index . 1).name -}}
{{- include "nfs-provisioner.shorten" (list $name 253) -}}
{{- end }}

{{/* What makes an object part of the test. Argument: its weight, as text. */}}
{{- define "nfs-provisioner.testHook" -}}
helm.sh/hook: test
helm.sh/hook-weight: {{ . | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}
