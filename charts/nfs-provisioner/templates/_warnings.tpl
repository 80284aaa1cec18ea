{{/* What is odd in the values, though it may be meant: a list of sentences. */}}
{{- define "nfs-provisioner.warnings" -}}
{{- $warnings := list -}}
{{- range .Values.shares -}}
{{- if regexMatch "^(localhost|127\\..*|::1)$" .server -}}
{{- $warnings = append $warnings (printf "the server of the share %q is %s, which is another machine on each node." .name .server) -}}
{{- end -}}
{{- end -}}
{{- range $name, $_ := .Values.global -}}
{{- $warnings = append $warnings (printf "global.%s is not looked at by this chart: set the value of its own instead." $name) -}}
{{- end -}}
{{- if eq (int .Values.replicaCount) 0 -}}
{{- $warnings = append $warnings "replicaCount is 0: no claim gets a volume, and no volume is deleted." -}}
{{- end -}}
{{- if eq .Values.securityProfile "restricted" -}}
{{- $pod := include "nfs-provisioner.podSecurityContext" . | fromYaml -}}
{{- $user := $pod.runAsUser | default "that the cluster gives it" -}}
{{- $warnings = append $warnings (printf "securityProfile is restricted: the root of every share has to be writable for the user %v, and what other users close to it there stays when their volumes are deleted, until they open it." $user) -}}
{{- range .Values.storageClasses -}}
{{- $uid := (include "nfs-provisioner.parameters" . | fromYaml).uid -}}
{{- if and $uid (ne $uid (toString $user)) -}}
{{- $warnings = append $warnings (printf "the class %q asks for directories of the uid %s, which a server grants to root alone; its claims will fail." .name $uid) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range .Values.storageClasses -}}
{{- $parameters := include "nfs-provisioner.parameters" . | fromYaml -}}
{{- if and (eq (.reclaimPolicy | default "Delete") "Retain") (or $parameters.onDelete $parameters.archiveOnDelete) -}}
{{- $warnings = append $warnings (printf "the class %q says what becomes of a directory when its volume is deleted, but with the reclaimPolicy Retain no volume is." .name) -}}
{{- end -}}
{{- if and $parameters.onDelete $parameters.archiveOnDelete -}}
{{- $warnings = append $warnings (printf "the class %q has onDelete and archiveOnDelete, of which onDelete counts." .name) -}}
{{- end -}}
{{- end -}}
{{- $defaults := list -}}
{{- range .Values.storageClasses -}}
{{- if .default -}}
{{- $name := .name -}}
{{- range (lookup "storage.k8s.io/v1" "StorageClass" "" "").items | default list -}}
{{- if and (ne .metadata.name $name) (eq (index (.metadata.annotations | default dict) "storageclass.kubernetes.io/is-default-class" | default "") "true") -}}
{{- $defaults = append $defaults .metadata.name -}}
{{- end -}}
{{- end -}}
{{- with $defaults -}}
{{- $warnings = append $warnings (printf "besides %q the cluster has another default class: %s. Claims that name none get the newest." $name (join ", " .)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml $warnings -}}
{{- end }}
