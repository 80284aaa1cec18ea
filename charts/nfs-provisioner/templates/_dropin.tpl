{{/*
A values file of nfs-subdir-external-provisioner's chart, put into the words of this one.

Every template begins with this. It changes .Values, the first time only, so that nothing else in the chart knows of the
older names. What it cannot honour it refuses, where data would fare otherwise than the file says, or else names in the
notes.
*/}}
{{- define "nfs-provisioner.dropin" -}}
{{- if not (hasKey .Values "_dropin") -}}
{{- $_ := set .Values "_dropin" (dict "warnings" list) -}}
{{- include "nfs-provisioner.dropin.foreign" . -}}
{{- if (.Values.nfs | default dict).server -}}
{{- include "nfs-provisioner.dropin.share" . -}}
{{- include "nfs-provisioner.dropin.name" . -}}
{{- include "nfs-provisioner.dropin.class" . -}}
{{- include "nfs-provisioner.dropin.image" . -}}
{{- include "nfs-provisioner.dropin.volumes" . -}}
{{- end -}}
{{- include "nfs-provisioner.dropin.pods" . -}}
{{- include "nfs-provisioner.dropin.rivals" . -}}
{{- end -}}
{{- end }}

{{/* Arguments: a list of the root context, the name of a value, and what there is to say of it. */}}
{{- define "nfs-provisioner.dropin.warn" -}}
{{- $state := (index . 0).Values._dropin -}}
{{- $_ := set $state "warnings" (append $state.warnings (printf "%s %s" (index . 1) (index . 2))) -}}
{{- end }}

{{/* What only makes sense with nfs.server, and what makes none here. */}}
{{- define "nfs-provisioner.dropin.foreign" -}}
{{- $nfs := .Values.nfs | default dict -}}
{{- if ($nfs.existingConfigMap | default dict).name -}}
{{- fail "\n\nnfs.existingConfigMap is not read: what is in a ConfigMap can change under volumes that exist. Set nfs.server and nfs.path.\n" -}}
{{- end -}}
{{- if not $nfs.server -}}
{{- range $part, $values := dict "nfs" $nfs "storageClass" (.Values.storageClass | default dict) -}}
{{- range $key, $value := $values -}}
{{- if not (kindIs "invalid" $value) -}}
{{- fail (printf "\n\n%s.%s is set, but nfs.server is not: both are of nfs-subdir-external-provisioner's chart, and read together. Set nfs.server, or use shares and storageClasses.\n" $part $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* nfs becomes the first of the shares. */}}
{{- define "nfs-provisioner.dropin.share" -}}
{{- $nfs := .Values.nfs -}}
{{- $path := regexReplaceAll "/+" ($nfs.path | default "/nfs-storage") "/" -}}
{{- $share := dict "name" "default" "server" $nfs.server "path" (trimSuffix "/" $path | default "/") -}}
{{- with include "nfs-provisioner.dropin.mountOptions" . | fromJsonArray -}}
{{- $_ := set $share "mountOptions" . -}}
{{- end -}}
{{- $_ := set .Values "shares" (prepend (.Values.shares | default list) $share) -}}
{{- with $nfs.volumeName -}}
{{- include "nfs-provisioner.dropin.warn" (list $ "nfs.volumeName" "names nothing here: the pods have a volume for each share, share-NAME.") -}}
{{- end -}}
{{- if not (has ($nfs.reclaimPolicy | default "Retain") (list "Retain")) -}}
{{- include "nfs-provisioner.dropin.warn" (list $ "nfs.reclaimPolicy" (printf "is %s, and Retain here: the volume by which the provisioner mounts the export is no reason to touch what is on it." $nfs.reclaimPolicy)) -}}
{{- end -}}
{{- end }}

{{/* nfs.mountOptions, one by one: several in one text, with commas, work as well in a PersistentVolume. */}}
{{- define "nfs-provisioner.dropin.mountOptions" -}}
{{- $options := list -}}
{{- range .Values.nfs.mountOptions -}}
{{- range splitList "," . -}}
{{- $options = append $options (trim .) -}}
{{- end -}}
{{- end -}}
{{- $options | compact | toJson -}}
{{- end }}

{{/* The name that the older chart would give itself under the same name of the release: its volumes carry it. */}}
{{- define "nfs-provisioner.dropin.name" -}}
{{- $said := (.Values.storageClass | default dict).provisionerName -}}
{{- if and $said .Values.provisionerName (ne $said .Values.provisionerName) -}}
{{- fail (printf "\n\nprovisionerName is %q, but storageClass.provisionerName is %q. Set one of them; the other name may be one of additionalProvisionerNames.\n" .Values.provisionerName $said) -}}
{{- end -}}
{{- $name := .Values.nameOverride | default "nfs-subdir-external-provisioner" -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- $full = .Values.fullnameOverride | default $full | trunc 63 | trimSuffix "-" -}}
{{- $_ := set .Values "provisionerName" ($said | default .Values.provisionerName | default (printf "cluster.local/%s" $full)) -}}
{{- end }}

{{/* storageClass becomes the first of the storageClasses, with the parameters that the older chart gives it. */}}
{{- define "nfs-provisioner.dropin.class" -}}
{{- $said := .Values.storageClass | default dict -}}
{{- $archive := $said.archiveOnDelete -}}
{{- if kindIs "invalid" $archive -}}
{{- $archive = true -}}
{{- end -}}
{{- $parameters := dict "archiveOnDelete" (toString $archive) -}}
{{- with $said.onDelete -}}
{{- if not (has . (list "delete" "retain")) -}}
{{- fail (printf "\n\nstorageClass.onDelete is %q. The older provisioner knows \"delete\" and \"retain\" only, and goes by archiveOnDelete otherwise, which is %v: remove onDelete if that is what you want.\n" . $archive) -}}
{{- end -}}
{{- $_ := set $parameters "onDelete" . -}}
{{- end -}}
{{- with $said.pathPattern -}}
{{- $_ := set $parameters "pathPattern" (include "nfs-provisioner.dropin.pattern" (list $ .)) -}}
{{- end -}}
{{- $expansion := $said.allowVolumeExpansion -}}
{{- if kindIs "invalid" $expansion -}}
{{- $expansion = true -}}
{{- end -}}
{{- $class := dict
      "name" ($said.name | default "nfs-client")
      "default" ($said.defaultClass | default false)
      "reclaimPolicy" ($said.reclaimPolicy | default "Delete")
      "volumeBindingMode" ($said.volumeBindingMode | default "Immediate")
      "allowVolumeExpansion" $expansion
      "annotations" ($said.annotations | default dict)
      "parameters" $parameters -}}
{{- with include "nfs-provisioner.dropin.mountOptions" . | fromJsonArray -}}
{{- $_ := set $class "mountOptions" . -}}
{{- end -}}
{{- if ne (toString $said.create) "false" -}}
{{- $_ := set .Values "storageClasses" (prepend (.Values.storageClasses | default list) $class) -}}
{{- end -}}
{{- with $said.accessModes -}}
{{- include "nfs-provisioner.dropin.warn" (list $ "storageClass.accessModes" "was for the older provisioner's own mount, and never for volumes: a claim says its own accessModes.") -}}
{{- end -}}
{{- end }}

{{/*
A pathPattern without what the older provisioner takes no notice of, and this one refuses: slashes that are too many,
and "." between them. Arguments: a list of the root context and the pattern.
*/}}
{{- define "nfs-provisioner.dropin.pattern" -}}
{{- $pattern := index . 1 -}}
{{- range regexFindAll "\\$\\{\\.PVC\\.[^}]*\\}" $pattern -1 -}}
{{- if not (regexMatch "^\\$\\{\\.PVC\\.(name|namespace|(labels|annotations)\\.[^}]+)(:-[^}]*)?\\}$" .) -}}
{{- fail (printf "\n\nstorageClass.pathPattern has the variable %s, which is not known, and which the older provisioner leaves empty. Remove it; known are ${.PVC.namespace}, ${.PVC.name}, ${.PVC.labels.KEY} and ${.PVC.annotations.KEY}.\n" .) -}}
{{- end -}}
{{- if and (not (contains ":-" .)) (regexMatch "labels|annotations" .) -}}
{{- include "nfs-provisioner.dropin.warn" (list (index $ 0) "storageClass.pathPattern" (printf "has %s: a claim that has none waits, with an event that says so, where the older provisioner puts nothing in its place and several claims may get one directory. Write %s:-TEXT} for a default." . (trimSuffix "}" .))) -}}
{{- end -}}
{{- end -}}
{{- if regexMatch "(^|/)\\.\\.(/|$)" $pattern -}}
{{- fail (printf "\n\nstorageClass.pathPattern is %q. No directory is made by way of \"..\"; write where it leads.\n" $pattern) -}}
{{- end -}}
{{- $segments := list -}}
{{- range splitList "/" $pattern -}}
{{- if not (has . (list "" ".")) -}}
{{- $segments = append $segments . -}}
{{- end -}}
{{- end -}}
{{- join "/" $segments -}}
{{- end }}

{{/* The older program cannot be run by this chart. */}}
{{- define "nfs-provisioner.dropin.image" -}}
{{- $image := .Values.image -}}
{{- if regexMatch "(^|/)nfs-(subdir-external|client)-provisioner[^/]*$" $image.repository -}}
{{- include "nfs-provisioner.dropin.warn" (list . "image.repository" (printf "is %s, which is the older program; %s is run." $image.repository (include "nfs-provisioner.dropin.repository" .))) -}}
{{- $_ := set $image "repository" (include "nfs-provisioner.dropin.repository" .) -}}
{{- end -}}
{{- if regexMatch "^v4\\.0\\.[0-9]+$" ($image.tag | default "") -}}
{{- include "nfs-provisioner.dropin.warn" (list . "image.tag" (printf "is %s, a version of the older program; %s is run." $image.tag .Chart.AppVersion)) -}}
{{- $_ := set $image "tag" "" -}}
{{- end -}}
{{- end }}

{{/* The default of image.repository, which a values file hides. */}}
{{- define "nfs-provisioner.dropin.repository" -}}
nfs-provisioner
{{- end }}

{{/* What concerns the pods, whichever way shares are given. */}}
{{- define "nfs-provisioner.dropin.pods" -}}
{{- $_ := set .Values "commonLabels" (merge (dict) (.Values.labels | default dict) (.Values.commonLabels | default dict)) -}}
{{- with .Values.strategyType -}}
{{- if and (eq . "RollingUpdate") (not $.Values.leaderElection.enabled) -}}
{{- fail "\n\nstrategyType is RollingUpdate, but leaderElection.enabled is false: during an upgrade two pods would write to a share at once. Enable leader election, or set strategyType to Recreate.\n" -}}
{{- end -}}
{{- $_ := set $.Values "updateStrategy" (merge (dict) ($.Values.updateStrategy | default dict) (dict "type" .)) -}}
{{- end -}}
{{- if (.Values.podSecurityPolicy | default dict).enabled -}}
{{- include "nfs-provisioner.dropin.warn" (list . "podSecurityPolicy.enabled" "is true, but PodSecurityPolicy went with Kubernetes 1.25. The pods keep to Pod Security's level baseline.") -}}
{{- end -}}
{{- end }}

{{/* Volumes on the share that somebody else made, and that nobody will delete unless this release is told to. */}}
{{- define "nfs-provisioner.dropin.volumes" -}}
{{- $share := first .Values.shares -}}
{{- $root := printf "%s/" (trimSuffix "/" $share.path) -}}
{{- $names := concat (list .Values.provisionerName) (.Values.additionalProvisionerNames | default list) -}}
{{- $others := list -}}
{{- range ((lookup "v1" "PersistentVolume" "" "").items | default list) -}}
{{- $by := index (.metadata.annotations | default dict) "pv.kubernetes.io/provisioned-by" -}}
{{- $at := .spec.nfs | default dict -}}
{{- if and $by (eq ($at.server | default "") $share.server) (hasPrefix $root ($at.path | default "")) (not (has $by $names)) -}}
{{- $others = append $others $by | uniq -}}
{{- end -}}
{{- end -}}
{{- range $others -}}
{{- include "nfs-provisioner.dropin.warn" (list $ "storageClass.provisionerName" (printf "is %s here, but there are volumes on %s:%s that belong to %s. If nothing else looks after them, set it to that name, or add that name to additionalProvisionerNames." $.Values.provisionerName $share.server $share.path .)) -}}
{{- end -}}
{{- end }}

{{/* An older provisioner that still runs would answer the same claims. */}}
{{- define "nfs-provisioner.dropin.rivals" -}}
{{- $names := .Values.additionalProvisionerNames | default list -}}
{{- if (.Values.nfs | default dict).server -}}
{{- $names = append $names .Values.provisionerName -}}
{{- end -}}
{{- if $names -}}
{{- range $deployment := ((lookup "apps/v1" "Deployment" "" "").items | default list) -}}
{{- range $deployment.spec.template.spec.containers -}}
{{- range .env -}}
{{- if and (eq .name "PROVISIONER_NAME") (has (.value | default "") $names) (gt (int $deployment.spec.replicas) 0) -}}
{{- fail (printf "\n\nThe Deployment %s in the namespace %s runs, and answers to the name %s: two must not answer to one. Stop it first; its volumes and their claims stay:\n  kubectl --namespace %s scale deployment/%s --replicas=0\n" $deployment.metadata.name $deployment.metadata.namespace .value $deployment.metadata.namespace $deployment.metadata.name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}
