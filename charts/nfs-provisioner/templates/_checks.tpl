{{/* A share's server and path, in sentences that say what to write instead. Argument: the share. */}}
{{- define "nfs-provisioner.checkShare" -}}
{{- $of := printf "\n\nshares: the %%s of %q is %%q; %%s.\n" .name -}}
{{- $host := "^[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?$" -}}
{{- $ipv6 := "^[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*$" -}}
{{- if regexMatch "^\\[.*\\]$" .server -}}
{{- fail (printf $of "server" .server (printf "write an IPv6 address without brackets: %s" (trimAll "[]" .server))) -}}
{{- else if contains "/" .server -}}
{{- fail (printf $of "server" .server "write the host name or address alone, and the exported path in path") -}}
{{- else if regexMatch "^[^:]+:[0-9]+$" .server -}}
{{- fail (printf $of "server" .server (printf "leave out the port, and write it as port=%s in mountOptions, of the share and of its classes" (splitList ":" .server | last))) -}}
{{- else if hasSuffix "." .server -}}
{{- fail (printf $of "server" .server (printf "leave out the dot at its end: %s" (trimSuffix "." .server))) -}}
{{- else if not (or (regexMatch $host .server) (and (regexMatch $ipv6 .server) (ge (len (splitList ":" .server)) 3))) -}}
{{- fail (printf $of "server" .server "write a host name, an IPv4 or an IPv6 address") -}}
{{- end -}}
{{- if not (hasPrefix "/" .path) -}}
{{- fail (printf $of "path" .path "write it from the root of the server, with a slash at its beginning") -}}
{{- else if and (ne .path "/") (hasSuffix "/" .path) -}}
{{- fail (printf $of "path" .path (printf "leave out the slash at its end: %s" (trimSuffix "/" .path))) -}}
{{- else if regexMatch "/\\.\\.?(/|$)" .path -}}
{{- fail (printf $of "path" .path "write where it leads, without \".\" and \"..\"") -}}
{{- else if regexMatch "//|[,[:cntrl:]]" .path -}}
{{- fail (printf $of "path" .path "it may have no comma, no control character, and no two slashes in a row") -}}
{{- end -}}
{{- end }}

{{/* Says true of a duration such as 0s, and nothing of any other. */}}
{{- define "nfs-provisioner.isNothing" -}}
{{- if regexMatch "^(0+(\\.0+)?(ms|s|m|h))+$" (. | default "") -}}
true
{{- end -}}
{{- end }}

{{/* Two shares of which one holds the other would give a directory two owners. Argument: the root context. */}}
{{- define "nfs-provisioner.checkShares" -}}
{{- $before := list -}}
{{- range $share := .Values.shares -}}
{{- if include "nfs-provisioner.isNothing" $share.usageInterval -}}
{{- fail (printf "\n\nshares: the usageInterval of %q is %q; it must be more than 0, or empty for never.\n" $share.name $share.usageInterval) -}}
{{- end -}}
{{- $at := printf "%s/" (trimSuffix "/" $share.path) -}}
{{- range $other := $before -}}
{{- if eq (lower $other.server) (lower $share.server) -}}
{{- $there := printf "%s/" (trimSuffix "/" $other.path) -}}
{{- if or (hasPrefix $there $at) (hasPrefix $at $there) -}}
{{- fail (printf "\n\nshares: %q (%s:%s) and %q (%s:%s) are one, or one lies in the other: a directory would have two owners. Make them two directories side by side, or one share with several classes.\n" $other.name $other.server $other.path $share.name $share.server $share.path) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $before = append $before $share -}}
{{- end -}}
{{- end }}

{{/* Settings that go together. */}}
{{- define "nfs-provisioner.checkSettings" -}}
{{- range $key := list "operationTimeout" "inventoryInterval" -}}
{{- if include "nfs-provisioner.isNothing" (get $.Values $key) -}}
{{- fail (printf "\n\n%s is %q; it must be more than 0, or empty for the program's default.\n" $key (get $.Values $key)) -}}
{{- end -}}
{{- end -}}
{{- $provisioner := include "nfs-provisioner.provisionerName" . -}}
{{- if has $provisioner .Values.additionalProvisionerNames -}}
{{- fail (printf "\n\nadditionalProvisionerNames has %q, which is the name of this install itself: leave it out.\n" $provisioner) -}}
{{- end -}}
{{- if and (not .Values.leaderElection.enabled) (eq (.Values.updateStrategy.type | default "Recreate") "RollingUpdate") -}}
{{- fail "\n\nupdateStrategy is RollingUpdate, but leaderElection.enabled is false: the old pod and the new one would write to a share at once. Leave updateStrategy empty.\n" -}}
{{- end -}}
{{- with .Values.podDisruptionBudget -}}
{{- if and (kindIs "invalid" .minAvailable) (kindIs "invalid" .maxUnavailable) -}}
{{- fail "\n\npodDisruptionBudget has neither maxUnavailable nor minAvailable: give one, or set enabled to false.\n" -}}
{{- end -}}
{{- end -}}
{{- if eq .Values.securityProfile "restricted" -}}
{{- $pod := include "nfs-provisioner.podSecurityContext" . | fromYaml -}}
{{- $user := index (include "nfs-provisioner.securityContext" . | fromYaml) "runAsUser" | default $pod.runAsUser -}}
{{- if and (hasKey .Values.podSecurityContext "runAsUser") (eq (toString $user) "0") -}}
{{- fail "\n\npodSecurityContext.runAsUser is 0, but securityProfile is restricted, which is not for root. Give the number of the user that the shares belong to, or set securityProfile to baseline.\n" -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* Two installs that answer to one name would make every volume twice. */}}
{{- define "nfs-provisioner.checkProvisionerName" -}}
{{- $provisioner := include "nfs-provisioner.provisionerName" . -}}
{{- $others := list -}}
{{- if .Values.storageClasses -}}
{{- range (lookup "storage.k8s.io/v1" "StorageClass" "" "").items | default list -}}
{{- if eq .provisioner $provisioner -}}
{{- $others = append $others .metadata -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if .Values.rbac.create -}}
{{- range (lookup "rbac.authorization.k8s.io/v1" "ClusterRole" "" "").items | default list -}}
{{- if eq (index (.metadata.annotations | default dict) "nfs-provisioner/provisioner" | default "") $provisioner -}}
{{- $others = append $others .metadata -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $others -}}
{{- $release := index (.annotations | default dict) "meta.helm.sh/release-name" -}}
{{- $namespace := index (.annotations | default dict) "meta.helm.sh/release-namespace" -}}
{{- $ours := hasPrefix (printf "%s-" $.Chart.Name) (index (.labels | default dict) "helm.sh/chart" | default "") -}}
{{- if and $ours $release (or (ne $release $.Release.Name) (ne $namespace $.Release.Namespace)) -}}
{{- $way := printf "--set provisionerName=cluster.local/%s-%s" $.Release.Namespace (include "nfs-provisioner.fullname" $) -}}
{{- fail (printf "\n\nprovisionerName: %q already belongs to the release %q in the namespace %q, and two must not answer to one name.\nGive this one a name of its own, such as\n  %s\n" $provisioner $release $namespace $way) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/*
A class that exists with something else in what Kubernetes lets nobody change. Without this an upgrade fails halfway,
with the API server's words.
*/}}
{{- define "nfs-provisioner.checkClass" -}}
{{- $root := index . 0 -}}
{{- $class := index . 1 -}}
{{- $fixed := include "nfs-provisioner.classFixed" . | fromYaml -}}
{{- $live := lookup "storage.k8s.io/v1" "StorageClass" "" $class.name -}}
{{- $changes := list -}}
{{- range $field := ternary (list "provisioner" "parameters" "reclaimPolicy" "volumeBindingMode") list (not (empty $live)) -}}
{{- $is := get $live $field | default dict -}}
{{- $becomes := get $fixed $field | default dict -}}
{{- if ne (toJson $is) (toJson $becomes) -}}
{{- $changes = append $changes (printf "  %s: %s becomes %s" $field (toJson $is) (toJson $becomes)) -}}
{{- end -}}
{{- end -}}
{{- if $changes -}}
{{- fail (printf "\n\nstorageClasses: Kubernetes lets nobody change this in the class %q, which exists:\n%s\nClaims and volumes that exist go on without the class, as they are. Delete it and run helm again, or give the new one another name:\n  kubectl delete storageclass %s\n" $class.name (join "\n" $changes) $class.name) -}}
{{- end -}}
{{- end }}
