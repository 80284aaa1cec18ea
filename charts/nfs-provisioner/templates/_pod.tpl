{{/* A map, with the keys of another put over it; null takes a key away. Arguments: a list of the two. */}}
{{- define "nfs-provisioner.over" -}}
{{- $result := deepCopy (index . 0) -}}
{{- range $key, $value := index . 1 -}}
{{- if kindIs "invalid" $value -}}
{{- $_ := unset $result $key -}}
{{- else -}}
{{- $_ := set $result $key $value -}}
{{- end -}}
{{- end -}}
{{- toYaml $result -}}
{{- end }}

{{/*
The security context of the pods. Root, because directories on a share belong to any user, and an NFS server goes by
the user's number; or, restricted, the one user that a share belongs to.
*/}}
{{- define "nfs-provisioner.podSecurityContext" -}}
{{- $context := dict "seccompProfile" (dict "type" "RuntimeDefault") -}}
{{- if eq .Values.securityProfile "restricted" -}}
{{- $context = merge $context (dict "runAsNonRoot" true "runAsUser" 65532 "runAsGroup" 65532) -}}
{{- else -}}
{{- $context = merge $context (dict "runAsUser" 0 "runAsGroup" 0) -}}
{{- end -}}
{{- include "nfs-provisioner.over" (list $context .Values.podSecurityContext) -}}
{{- end }}

{{/*
The security context of the container. Of root's powers it keeps three:
  CHOWN         to give a directory the owner that its class asks for (uid, gid)
  DAC_OVERRIDE  to rename and empty directories whose owner closed them to others
  FOWNER        to set the mode of a directory that another user owns, and to remove files from sticky ones
*/}}
{{- define "nfs-provisioner.securityContext" -}}
{{- $capabilities := dict "drop" (list "ALL") -}}
{{- if eq .Values.securityProfile "baseline" -}}
{{- $_ := set $capabilities "add" (list "CHOWN" "DAC_OVERRIDE" "FOWNER") -}}
{{- end -}}
{{- $context := dict "allowPrivilegeEscalation" false "readOnlyRootFilesystem" true "capabilities" $capabilities -}}
{{- include "nfs-provisioner.over" (list $context .Values.securityContext) -}}
{{- end }}

{{/* How an upgrade replaces pods. */}}
{{- define "nfs-provisioner.updateStrategy" -}}
{{- if .Values.updateStrategy -}}
{{- toYaml .Values.updateStrategy -}}
{{- else if .Values.leaderElection.enabled -}}
type: RollingUpdate
{{- else -}}
{{- /* Without a lease nothing else keeps the old pod and the new one from writing at the same time. */ -}}
type: Recreate
{{- end -}}
{{- end }}

{{/* Replicas prefer different nodes. */}}
{{- define "nfs-provisioner.affinity" -}}
{{- if .Values.affinity -}}
{{- toYaml .Values.affinity -}}
{{- else -}}
podAntiAffinity:
  preferredDuringSchedulingIgnoredDuringExecution:
    - weight: 100
      podAffinityTerm:
        topologyKey: kubernetes.io/hostname
        labelSelector:
          matchLabels:
            {{- include "nfs-provisioner.selectorLabels" . | nindent 12 }}
{{- end -}}
{{- end }}

{{- define "nfs-provisioner.topologySpreadConstraints" -}}
{{- $selector := dict "matchLabels" (include "nfs-provisioner.selectorLabels" . | fromYaml) -}}
{{- $constraints := list -}}
{{- range .Values.topologySpreadConstraints -}}
{{- $constraints = append $constraints (hasKey . "labelSelector" | ternary . (set (deepCopy .) "labelSelector" $selector)) -}}
{{- end -}}
{{- toYaml $constraints -}}
{{- end }}
