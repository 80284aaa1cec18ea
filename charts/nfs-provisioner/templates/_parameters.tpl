{{/*
The parameters of a class as the API takes them, strings all: a number, or true and false, may be written without quotes
where only one thing can be meant. Argument: the class.
*/}}
{{- define "nfs-provisioner.parameters" -}}
{{- $parameters := dict -}}
{{- range $name, $value := .parameters -}}
{{- if and (has $name (list "uid" "gid")) (not (kindIs "string" $value)) -}}
{{- $value = int64 $value -}}
{{- end -}}
{{- $_ := set $parameters $name (toString $value) -}}
{{- end -}}
{{- toYaml $parameters -}}
{{- end }}

{{/* What claims would fail of, and nobody could change in a class that exists. Argument: the class. */}}
{{- define "nfs-provisioner.checkParameters" -}}
{{- $parameters := .parameters | default dict -}}
{{- if hasKey $parameters "share" -}}
{{- fail (printf "\n\nstorageClasses: the class %q has its share among its parameters; write share: %v beside its name.\n" .name $parameters.share) -}}
{{- end -}}
{{- if and (hasKey $parameters "mode") (not (kindIs "string" $parameters.mode)) -}}
{{- fail (printf "\n\nstorageClasses: the mode of the class %q is the number %v, and octal or decimal is anybody's guess; put it in quotes, as in mode: \"0770\".\n" .name $parameters.mode) -}}
{{- end -}}
{{- range $id := list "uid" "gid" -}}
{{- $is := int64 (get $parameters $id | default 0) -}}
{{- if gt $is 4294967294 -}}
{{- fail (printf "\n\nstorageClasses: the %s of the class %q is %d; the largest is 4294967294.\n" $id $.name $is) -}}
{{- end -}}
{{- end -}}
{{- with $parameters.pathPattern -}}
{{- include "nfs-provisioner.checkPattern" (list $.name .) -}}
{{- end -}}
{{- end }}

{{/* Arguments: a list of the name of the class and its pathPattern. */}}
{{- define "nfs-provisioner.checkPattern" -}}
{{- $of := printf "\n\nstorageClasses: the pathPattern of the class %q" (index . 0) -}}
{{- $pattern := index . 1 -}}
{{- range regexFindAll "\\$\\{[^}]*\\}?" $pattern -1 -}}
{{- if not (hasSuffix "}" .) -}}
{{- fail (printf "%s is %q, in which %q is not closed by a }.\n" $of $pattern .) -}}
{{- else if contains "${" (trimPrefix "${" .) -}}
{{- fail (printf "%s is %q, in which %q holds another variable; what follows :- is text.\n" $of $pattern .) -}}
{{- else if not (regexMatch "^\\$\\{\\.(PV\\.name|PVC\\.(name|namespace|(labels|annotations)\\.[^}]+))(:-[^}]*)?\\}$" .) -}}
{{- fail (printf "%s has %s, which is not known; known are ${.PVC.namespace}, ${.PVC.name}, ${.PVC.labels.KEY}, ${.PVC.annotations.KEY} and ${.PV.name}.\n" $of .) -}}
{{- end -}}
{{- end -}}
{{- if regexMatch "(^|/)\\.{0,2}(/|$)" $pattern -}}
{{- fail (printf "%s is %q; it leads down from the share's root, without \".\" and \"..\", and without a slash at its beginning, at its end or beside another.\n" $of $pattern) -}}
{{- end -}}
{{- end }}
