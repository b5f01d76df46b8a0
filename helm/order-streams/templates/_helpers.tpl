{{- define "order-streams.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Of the release, as all names begin. Pods add "-statistics-headless" and a number, so it is cut early. */}}
{{- define "order-streams.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains (include "order-streams.name" .) .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "order-streams.name" .) | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "order-streams.componentName" -}}
{{- printf "%s-%s" (include "order-streams.fullname" .root) .component }}
{{- end }}

{{/* What never changes: pods are selected by these. */}}
{{- define "order-streams.selectorLabels" -}}
app.kubernetes.io/name: {{ include "order-streams.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* Of objects; .labels are more of them, which come before all others. */}}
{{- define "order-streams.labels" -}}
{{- $labels := dict
  "app.kubernetes.io/managed-by" .root.Release.Service
  "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | include "order-streams.labelValue") }}
{{- toYaml (mergeOverwrite $labels (include "order-streams.podLabels" . | fromYaml)) }}
{{- end }}

{{/* The same of pods, without what is another with every version of the chart: they would start anew for nothing. */}}
{{- define "order-streams.podLabels" -}}
{{- $labels := dict
  "app.kubernetes.io/version" (.root.Chart.AppVersion | include "order-streams.labelValue")
  "app.kubernetes.io/part-of" "order-streams" }}
{{- $labels = mergeOverwrite $labels (.root.Values.commonLabels | default dict) (include "order-streams.selectorLabels" . | fromYaml) }}
{{- toYaml (mergeOverwrite $labels (.labels | default dict)) }}
{{- end }}

{{/* A version as labels may be: builds are named by a +, and can be long. */}}
{{- define "order-streams.labelValue" -}}
{{- . | replace "+" "_" | trunc 63 | regexFind "^.*[A-Za-z0-9]" }}
{{- end }}

{{/* The topologies that are not switched off, each with the defaults that it does not override. */}}
{{- define "order-streams.enabledTopologies" -}}
{{- $enabled := dict }}
{{- range $name, $own := .Values.topologies }}
{{- $topology := mergeOverwrite (deepCopy $.Values.topologyDefaults) (deepCopy ($own | default dict)) }}
{{- if ne (toString $topology.enabled) "false" }}
{{- $_ := set $enabled $name $topology }}
{{- end }}
{{- end }}
{{- toYaml $enabled }}
{{- end }}

{{- define "order-streams.image" -}}
{{- with .Values.image }}
{{- if .digest }}{{ printf "%s@%s" .repository .digest }}{{ else }}{{ printf "%s:%s" .repository (.tag | default ($.Chart.AppVersion | replace "+" "_")) }}{{ end }}
{{- end }}
{{- end }}

{{- define "order-streams.serviceAccountName" -}}
{{- $given := get .root.Values.serviceAccounts.names .account }}
{{- if $given }}{{ $given }}
{{- else if .root.Values.serviceAccounts.create }}{{ include "order-streams.componentName" (dict "root" .root "component" .account) }}
{{- else }}default
{{- end }}
{{- end }}

{{- define "order-streams.brokers" -}}
{{- if .Values.quickstart.kafka.enabled }}{{ include "order-streams.quickstart.kafkaAddress" . }}{{ else }}{{ join "," .Values.kafka.brokers }}{{ end }}
{{- end }}

{{- define "order-streams.registryUrl" -}}
{{- if .Values.quickstart.registry.enabled }}{{ include "order-streams.quickstart.registryUrl" . }}{{ else }}{{ .Values.registry.url }}{{ end }}
{{- end }}

{{- define "order-streams.usesQuickstart" -}}
{{- with .Values.quickstart }}{{ if or .kafka.enabled .registry.enabled .mysql.enabled }}yes{{ end }}{{ end }}
{{- end }}

{{/* The Secret and the key of the database's URL, for `secretKeyRef`. .hook: the copy that is there before anything is installed. */}}
{{- define "order-streams.databaseSecret" -}}
{{- $root := .root }}
{{- with $root.Values.database }}
{{- if .existingSecret -}}
name: {{ .existingSecret }}
key: {{ .urlKey }}
{{- else if $root.Values.quickstart.mysql.enabled -}}
name: {{ include "order-streams.quickstart.secretName" $root }}
key: url
{{- else -}}
name: {{ include "order-streams.componentName" (dict "root" $root "component" "database") }}{{ if $.hook }}-hook{{ end }}
key: url
{{- end }}
{{- end }}
{{- end }}

{{- define "order-streams.tlsSecret" -}}
{{- .Values.control.tls.existingSecret | default (include "order-streams.componentName" (dict "root" . "component" "control-tls")) }}
{{- end }}

{{/* Where anybody in the cluster calls the control services; certificates are for this name. */}}
{{- define "order-streams.controlHost" -}}
{{- printf "%s.%s.svc.%s" (include "order-streams.componentName" (dict "root" . "component" "control")) .Release.Namespace .Values.clusterDomain }}
{{- end }}

{{- define "order-streams.podSecurity" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 1000
fsGroup: 1000
# A volume with much state is not gone through at each start.
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "order-streams.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}
