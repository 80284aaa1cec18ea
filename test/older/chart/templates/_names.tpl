{{- define "name" -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) (contains .Chart.Name .Release.Name) | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{- define "provisioner" -}}
{{- .Values.storageClass.provisionerName | default (printf "cluster.local/%s" (include "name" .)) -}}
{{- end }}

{{- define "labels" -}}
app: {{ .Chart.Name }}
release: {{ .Release.Name }}
chart: {{ .Chart.Name }}-{{ .Chart.Version }}
heritage: {{ .Release.Service }}
{{- end }}
