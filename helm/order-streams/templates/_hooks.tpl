{{/* Hooks come before what is installed, so all that they need are hooks, too; it goes when they were successful. */}}
{{- define "order-streams.hookEvents" -}}
{{- if or (eq .hook "plan") (include "order-streams.usesQuickstart" .root) }}pre-upgrade{{ else }}pre-install,pre-upgrade{{ end }}
{{- end }}

{{- define "order-streams.hookName" -}}
{{- include "order-streams.componentName" (dict "root" .root "component" .hook) }}
{{- end }}

{{/* The Job of a hook with its account and configuration; .command is a list, .weight a number. */}}
{{- define "order-streams.hook" -}}
{{- $name := include "order-streams.hookName" . }}
{{- $values := index .root.Values .hook }}
{{- /* What topologies are told for themselves shapes their topics and stores, too. */}}
{{- $settings := dict }}
{{- range include "order-streams.enabledTopologies" .root | fromYaml }}
{{- $settings = mergeOverwrite $settings (deepCopy (.settings | default dict)) }}
{{- end }}
{{- $context := merge (dict "component" .hook "account" .hook "values" $values "settings" $settings "configMap" $name) . }}
{{- if and .root.Values.serviceAccounts.create (not (get .root.Values.serviceAccounts.names .hook)) }}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ $name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "order-streams.labels" $context | nindent 4 }}
  annotations:
    {{- include "order-streams.hookAnnotations" (merge (dict "weight" -10) .) | nindent 4 }}
automountServiceAccountToken: false
{{- end }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ $name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "order-streams.labels" $context | nindent 4 }}
  annotations:
    {{- include "order-streams.hookAnnotations" (merge (dict "weight" -10) .) | nindent 4 }}
data:
  order-streams.yaml: |
    {{- include "order-streams.configuration" $context | nindent 4 }}
---
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ $name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "order-streams.labels" $context | nindent 4 }}
  annotations:
    {{- include "order-streams.hookAnnotations" . | nindent 4 }}
spec:
  backoffLimit: {{ int64 $values.backoffLimit }}
  activeDeadlineSeconds: {{ int64 $values.activeDeadlineSeconds }}
  template:
    metadata:
      labels:
        {{- include "order-streams.podLabels" (dict "root" .root "component" .hook) | nindent 8 }}
    spec:
      restartPolicy: Never
      {{- include "order-streams.podSettings" $context | nindent 6 }}
      containers:
        - name: {{ .hook }}
          image: {{ include "order-streams.image" .root | quote }}
          imagePullPolicy: {{ .root.Values.image.pullPolicy }}
          {{- .command | nindent 10 }}
          securityContext:
            {{- include "order-streams.containerSecurity" . | nindent 12 }}
          env:
            {{- include "order-streams.variables" (merge (dict "hook" true) $context) | trim | nindent 12 }}
          resources:
            {{- include "order-streams.resources" (dict "resources" $values.resources) | nindent 12 }}
          volumeMounts:
            {{- include "order-streams.fileMounts" $context | nindent 12 }}
      volumes:
        {{- include "order-streams.fileVolumes" $context | nindent 8 }}
{{- end }}

{{- define "order-streams.hookAnnotations" -}}
helm.sh/hook: {{ include "order-streams.hookEvents" . }}
helm.sh/hook-weight: {{ .weight | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}
