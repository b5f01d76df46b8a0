{{/* What values add to pods must not be what the chart gives them already: Kubernetes would take one of the two, or none. */}}

{{/* Those of .given that are in .taken, as problems, a list; .path is the value, .remedy what to do instead. */}}
{{- define "order-streams.clashes" -}}
{{- $problems := list }}
{{- range .given }}
{{- if has . $.taken }}
{{- $problems = append $problems (printf "%s has %s, which the chart gives itself: %s" $.path . $.remedy) }}
{{- end }}
{{- end }}
{{- toYaml $problems }}
{{- end }}

{{/* Labels that pods are selected by. .given is a dictionary. */}}
{{- define "order-streams.labelProblems" -}}
{{- $taken := list "app.kubernetes.io/name" "app.kubernetes.io/instance" "app.kubernetes.io/component" "order-streams/serves-control" }}
{{- include "order-streams.clashes" (dict "path" .path "given" (.given | default dict | keys | sortAlpha) "taken" $taken "remedy" "pods are selected by it; take another label") }}
{{- end }}

{{/* Of the pods of a component: its context, with .path. */}}
{{- define "order-streams.podProblems" -}}
{{- $variables := list }}
{{- if .isTopology }}{{ $variables = list "INSTANCE_ID" "ZONE" "CONTROL_ENDPOINT" }}{{ end }}
{{- range include "order-streams.variables" . | fromYamlArray }}
{{- /* That one leaves itself out. */}}
{{- if ne .name "NODE_OPTIONS" }}{{ $variables = append $variables .name }}{{ end }}
{{- end }}
{{- $volumes := ternary (list "state" "savepoints") list (.isTopology | default false) }}
{{- range include "order-streams.fileVolumes" . | fromYamlArray }}{{ $volumes = append $volumes .name }}{{ end }}
{{- $paths := ternary (list "/var/lib/order-streams" "/var/lib/order-streams-savepoints") list (.isTopology | default false) }}
{{- range include "order-streams.fileMounts" . | fromYamlArray }}{{ $paths = append $paths .mountPath }}{{ end }}
{{- $given := dict "variables" list "volumes" list "paths" list }}
{{- range .values.extraEnv }}{{ $_ := set $given "variables" (append $given.variables .name) }}{{ end }}
{{- range .values.extraVolumes }}{{ $_ := set $given "volumes" (append $given.volumes .name) }}{{ end }}
{{- range .values.extraVolumeMounts }}{{ $_ := set $given "paths" (append $given.paths (.mountPath | trimSuffix "/")) }}{{ end }}
{{- $problems := list }}
{{- $problems = concat $problems (include "order-streams.clashes" (dict "path" (printf "%s.extraEnv" .path) "given" $given.variables "taken" $variables "remedy" "leave it out, and use the values that it is made of") | fromYamlArray) }}
{{- $problems = concat $problems (include "order-streams.clashes" (dict "path" (printf "%s.extraVolumes" .path) "given" $given.volumes "taken" $volumes "remedy" "give yours another name") | fromYamlArray) }}
{{- $problems = concat $problems (include "order-streams.clashes" (dict "path" (printf "%s.extraVolumeMounts" .path) "given" $given.paths "taken" $paths "remedy" "mount yours elsewhere") | fromYamlArray) }}
{{- $problems = concat $problems (include "order-streams.labelProblems" (dict "path" (printf "%s.podLabels" .path) "given" .values.podLabels) | fromYamlArray) }}
{{- toYaml $problems }}
{{- end }}
