{{/* What NetworkPolicies are made of. Peers that values leave empty are the pods of quickstart, or else anybody at the port. */}}

{{/* The ports of "host:port" texts, without repeats, as JSON list. */}}
{{- define "order-streams.network.portsOf" -}}
{{- $ports := list }}
{{- range . }}
{{- $ports = append $ports (regexFind "[0-9]+$" . | int) }}
{{- end }}
{{- $ports | uniq | toJson }}
{{- end }}

{{/* The port of a URL, as JSON list. */}}
{{- define "order-streams.network.portOfUrl" -}}
{{- $url := urlParse . }}
{{- $port := regexFind ":[0-9]+$" $url.host | trimPrefix ":" }}
{{- if $port }}{{ list ($port | int) | toJson }}{{ else if eq $url.scheme "http" }}[80]{{ else }}[443]{{ end }}
{{- end }}

{{/* Where .target is, as a rule of egress. */}}
{{- define "order-streams.network.egressTo" -}}
{{- $values := index .root.Values.networkPolicy .target }}
{{- $to := $values.to }}
{{- $service := get (dict "kafka" "kafka" "registry" "registry" "database" "mysql") .target }}
{{- if and $service (not $to) }}
{{- if (index .root.Values.quickstart $service).enabled }}
{{- $labels := include "order-streams.quickstart.selectorLabels" (dict "root" .root "service" $service) | fromYaml }}
{{- $to = list (dict "podSelector" (dict "matchLabels" $labels)) }}
{{- end }}
{{- end }}
{{- $ports := $values.ports }}
{{- if not $ports }}
{{- if eq .target "kafka" }}
{{- $ports = include "order-streams.brokers" .root | splitList "," | include "order-streams.network.portsOf" | fromJsonArray }}
{{- else if eq .target "registry" }}
{{- $ports = include "order-streams.registryUrl" .root | include "order-streams.network.portOfUrl" | fromJsonArray }}
{{- else if eq .target "tracing" }}
{{- $ports = include "order-streams.network.portOfUrl" .root.Values.tracing.endpoint | fromJsonArray }}
{{- else }}
{{- $ports = list 3306 }}
{{- end }}
{{- end }}
- ports:
    {{- range $ports }}
    - port: {{ . }}
      protocol: TCP
    {{- end }}
  {{- with $to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* Names are looked up by all. */}}
{{- define "order-streams.network.egressToDns" -}}
{{- with .Values.networkPolicy.dns }}
- ports:
    - port: {{ .port }}
      protocol: UDP
    - port: {{ .port }}
      protocol: TCP
  {{- with .to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- end }}

{{/* Pods of this release by their components. */}}
{{- define "order-streams.network.pods" -}}
- podSelector:
    matchLabels:
      app.kubernetes.io/name: {{ include "order-streams.name" .root }}
      app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
    matchExpressions:
      - key: app.kubernetes.io/component
        operator: In
        values: {{ .components | toJson }}
{{- end }}
