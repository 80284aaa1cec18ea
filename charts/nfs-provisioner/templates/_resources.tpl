{{/* A quantity as a number, such as 512Mi or 20m. */}}
{{- define "nfs-provisioner.quantity" -}}
{{- $text := toString . -}}
{{- $number := regexFind "^[0-9.]+([eE][-+]?[0-9]+)?" $text -}}
{{- $factors := dict "m" 0.001 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "P" 1e15 "E" 1e18
      "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0 "Pi" 1125899906842624.0 "Ei" 1152921504606846976.0 -}}
{{- mulf (float64 $number) (get $factors (trimPrefix $number $text) | default 1.0) | printf "%f" -}}
{{- end }}

{{/*
The resources of the container. Who sets a request alone, or a limit alone, did not ask for the chart's own other half: it
gives way where the two would contradict each other, which the API server refuses.
*/}}
{{- define "nfs-provisioner.resources" -}}
{{- $own := dict "requests" (dict "cpu" "20m" "memory" "64Mi") "limits" (dict "memory" "512Mi") -}}
{{- $resources := deepCopy .Values.resources -}}
{{- range $kind := list "cpu" "memory" -}}
{{- $request := get ($resources.requests | default dict) $kind -}}
{{- $limit := get ($resources.limits | default dict) $kind -}}
{{- if and $request $limit -}}
{{- if gt (float64 (include "nfs-provisioner.quantity" $request)) (float64 (include "nfs-provisioner.quantity" $limit)) -}}
{{- if eq (toString $limit) (get $own.limits $kind | default "") -}}
{{- $_ := unset $resources.limits $kind -}}
{{- else if eq (toString $request) (get $own.requests $kind | default "") -}}
{{- $_ := set $resources.requests $kind $limit -}}
{{- else -}}
{{- fail (printf "\n\nresources: requests.%s is %v, more than limits.%s, which is %v.\n" $kind $request $kind $limit) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml $resources -}}
{{- end }}
