{{/* What the autoscalers of topologies have in common. */}}

{{/*
The topics that each topology's consumer group reads, but for repartition topics, which are as far behind as what fills them. The group has
the name of the topology. A test of the repository holds this list against the topologies themselves.
*/}}
{{- define "order-streams.inputTopics" -}}
ingest: [order-raw, order-parsed]
cleanse: [order-parsed, order-processed, order-line, order-rejected]
statistics: [order-processed, order-line, order-statistics]
detection: [order-processed, order-anomaly, order-status-history, user-behavior]
{{- end }}

{{/* As many replicas as .autoscaling allows: never more than partitions, for the rest would have nothing to do. */}}
{{- define "order-streams.maxReplicas" -}}
{{- $partitions := int .root.Values.kafka.partitions }}
{{- $most := int (.autoscaling.maxReplicas | default $partitions) }}
{{- if gt $most $partitions }}
{{- fail (printf "%s.autoscaling.maxReplicas is %d, more than kafka.partitions (%d): instances beyond the partitions have nothing to do; lower it, or give the topics more partitions" .name $most $partitions) }}
{{- end }}
{{- if gt (int .autoscaling.minReplicas) $most }}
{{- fail (printf "%s.autoscaling.minReplicas is %d, more than its maxReplicas (%d): lower it" .name (int .autoscaling.minReplicas) $most) }}
{{- end }}
{{- $most }}
{{- end }}

{{/* Each step moves tasks with their state: up after a minute of need, down one by one and late. */}}
{{- define "order-streams.scalingBehavior" -}}
scaleUp:
  stabilizationWindowSeconds: {{ int64 .scaleUpStabilizationSeconds }}
  policies:
    - type: Pods
      value: 2
      periodSeconds: 60
scaleDown:
  stabilizationWindowSeconds: {{ int64 .scaleDownStabilizationSeconds }}
  policies:
    - type: Pods
      value: 1
      periodSeconds: {{ int64 .scaleDownPeriodSeconds }}
{{- end }}

{{- define "order-streams.hpa" -}}
{{- $custom := .autoscaling.customMetric | default dict }}
{{- if and (not .autoscaling.targetCpuPercent) (not $custom.name) }}
{{- fail (printf "%s.autoscaling has nothing to scale by: set its targetCpuPercent, or its customMetric" .name) }}
{{- end }}
{{- if and $custom.name (not $custom.averageValue) }}
{{- fail (printf "%s.autoscaling.customMetric.averageValue is empty: say how much of %s an instance may have" .name $custom.name) }}
{{- end }}
{{- if gt (int .autoscaling.minReplicas) (int .maxReplicas) }}
{{- fail (printf "%s.autoscaling.minReplicas is %d, more than its maxReplicas (%d): lower it" .name (int .autoscaling.minReplicas) (int .maxReplicas)) }}
{{- end }}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ include "order-streams.componentName" (dict "root" .root "component" .component) }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "order-streams.labels" (dict "root" .root "component" .component) | nindent 4 }}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: {{ .kind }}
    name: {{ include "order-streams.componentName" (dict "root" .root "component" .component) }}
  minReplicas: {{ int64 .autoscaling.minReplicas }}
  maxReplicas: {{ .maxReplicas }}
  metrics:
    {{- with .autoscaling.targetCpuPercent }}
    - type: Resource
      resource:
        name: cpu
        target:
          type: Utilization
          averageUtilization: {{ int64 . }}
    {{- end }}
    {{- with .autoscaling.customMetric }}
    {{- if .name }}
    - type: Pods
      pods:
        metric:
          name: {{ .name }}
        target:
          type: AverageValue
          averageValue: {{ .averageValue | quote }}
    {{- end }}
    {{- end }}
  behavior:
    {{- include "order-streams.scalingBehavior" .autoscaling | nindent 4 }}
{{- end }}

{{/* What KEDA needs of the Secrets with the credentials for Kafka; empty where there are none. */}}
{{- define "order-streams.keda.secrets" -}}
{{- with .Values.kafka }}
{{- if and .sasl.existingSecret (ne (.sasl.mechanism | default "none") "none") }}
- parameter: username
  name: {{ .sasl.existingSecret }}
  key: {{ .sasl.usernameKey }}
- parameter: password
  name: {{ .sasl.existingSecret }}
  key: {{ .sasl.passwordKey }}
{{- end }}
{{- if and .tls.enabled .tls.existingSecret }}
{{- range $parameter, $key := dict "ca" .tls.caKey "cert" .tls.certKey "key" .tls.keyKey }}
{{- if $key }}
- parameter: {{ $parameter }}
  name: {{ $.Values.kafka.tls.existingSecret }}
  key: {{ $key }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
