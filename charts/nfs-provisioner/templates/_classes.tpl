{{/* What Kubernetes lets nobody change in a class. Arguments: a list of the root context and the class. */}}
{{- define "nfs-provisioner.classFixed" -}}
{{- $root := index . 0 -}}
{{- $class := index . 1 -}}
provisioner: {{ include "nfs-provisioner.provisionerName" $root }}
reclaimPolicy: {{ $class.reclaimPolicy | default "Delete" }}
volumeBindingMode: {{ $class.volumeBindingMode | default "Immediate" }}
{{- $share := ternary (dict "share" $class.share) dict (not (empty $class.share)) }}
{{- with merge $share (include "nfs-provisioner.parameters" $class | fromYaml) }}
parameters:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
