{{- /* SPDX-License-Identifier: Apache-2.0 */ -}}
{{- /* A file of files/, for the namespace of the release: bulla.file (list . "NAME"). */ -}}
{{- define "bulla.file" -}}
{{- $root := index . 0 -}}
{{- $text := $root.Files.Get (printf "files/%s" (index . 1)) -}}
{{- if not $text }}{{ fail (printf "files/%s is missing" (index . 1)) }}{{ end -}}
{{- $text | replace "bulla-system" $root.Release.Namespace -}}
{{- end -}}

{{- define "bulla.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* Its objects one by one, with the image of the release where there is a Pod. */ -}}
{{- define "bulla.pods" -}}
{{- $root := index . 0 -}}
{{- $image := include "bulla.image" $root -}}
{{- range $text := splitList "\n---\n" (include "bulla.file" .) }}
{{- $o := fromYaml $text }}
{{- if $o.Error }}{{ fail $o.Error }}{{ end }}
{{- if hasKey (get $o "spec" | default dict) "template" }}
{{- $pod := $o.spec.template.spec }}
{{- range $c := $pod.containers }}
{{- $_ := set $c "image" $image }}
{{- if eq $c.name "opener" }}{{ $_ := set $c "resources" $root.Values.resources.opener }}{{ end }}
{{- if eq $c.name "net" }}{{ include "bulla.net" (list $root $c $pod $o) }}{{ end }}
{{- end }}
{{- with $root.Values.pullSecrets }}
{{- $names := list }}
{{- range . }}{{ $names = append $names (dict "name" .) }}{{ end }}
{{- $_ := set $pod "imagePullSecrets" $names }}
{{- end }}
{{- with $root.Values.nodeSelector }}{{ $_ := set $pod "nodeSelector" . }}{{ end }}
{{- with $root.Values.tolerations }}{{ $_ := set $pod "tolerations" . }}{{ end }}
{{- end }}
{{- if eq $o.kind "Deployment" }}{{ $_ := set $o.spec "replicas" $root.Values.replicas }}{{ end }}
---
{{ toYaml $o }}
{{- end }}
{{- end -}}

{{- /* What the values add to the container net; changes it, and says nothing. */ -}}
{{- define "bulla.net" -}}
{{- $root := index . 0 -}}
{{- $c := index . 1 -}}
{{- $pod := index . 2 -}}
{{- $o := index . 3 -}}
{{- $_ := set $c "resources" $root.Values.resources.net -}}
{{- if $root.Values.namespaces -}}
{{- $_ := set $c "args" (concat $c.args (list "--namespaces" (join "," $root.Values.namespaces))) -}}
{{- end -}}
{{- if $root.Values.fanOut -}}
{{- $_ := set $c "args" (concat $c.args (list "--fan-out" "/etc/bulla/fan-out.yaml")) -}}
{{- $_ := set $c "volumeMounts" (append $c.volumeMounts (dict "name" "fan-out" "mountPath" "/etc/bulla" "readOnly" true)) -}}
{{- $_ := set $pod "volumes" (append $pod.volumes (dict "name" "fan-out" "configMap" (dict "name" "bulla-fan-out"))) -}}
{{- $_ := set $o.spec.template.metadata.annotations "bulla.dev/fan-out" (toYaml $root.Values.fanOut | sha256sum) -}}
{{- end -}}
{{- if $root.Values.flux.enabled }}{{ $_ := set $c "args" (append $c.args "--flux") }}{{ end -}}
{{- $_ := set $c "args" (concat $c.args $root.Values.extraArgs) -}}
{{- end -}}
