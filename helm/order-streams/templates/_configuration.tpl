{{/* What the chart says to the product: its YAML configuration, credentials as variables, files of Secrets. */}}

{{/* For all: where things are and how to log in, but no credentials. A dictionary. */}}
{{- define "order-streams.placeSettings" -}}
{{- $settings := dict
  "brokers" (include "order-streams.brokers" .)
  "registryUrl" (include "order-streams.registryUrl" .)
  "partitions" (int .Values.kafka.partitions)
  "replicationFactor" (int .Values.kafka.replicationFactor)
  "startWaitMs" 300000
  "registerSchemas" (ternary "migrate-only" "at-start" (and .Values.migrate.enabled (not (include "order-streams.usesQuickstart" .)))) }}
{{- with .Values.kafka.tls }}
{{- if .enabled }}
{{- $_ := set $settings "kafkaTls" "on" }}
{{- if and .existingSecret .caKey }}{{ $_ := set $settings "kafkaTlsCaFile" (printf "/etc/order-streams/kafka-tls/%s" .caKey) }}{{ end }}
{{- if and .existingSecret .certKey }}{{ $_ := set $settings "kafkaTlsCertFile" (printf "/etc/order-streams/kafka-tls/%s" .certKey) }}{{ end }}
{{- if and .existingSecret .keyKey }}{{ $_ := set $settings "kafkaTlsKeyFile" (printf "/etc/order-streams/kafka-tls/%s" .keyKey) }}{{ end }}
{{- end }}
{{- end }}
{{- $_ := set $settings "kafkaSaslMechanism" .Values.kafka.sasl.mechanism }}
{{- with .Values.tracing }}
{{- if .enabled }}
{{- $settings = merge $settings (dict "tracing" "on" "tracingEndpoint" .endpoint "tracingSampleRatio" .sampleRatio) }}
{{- end }}
{{- end }}
{{- toYaml $settings }}
{{- end }}

{{/* Of the instances of a topology: how they serve their control services. */}}
{{- define "order-streams.controlSettings" -}}
{{- $settings := dict "controlHost" "0.0.0.0" "controlPort" (int .Values.control.port) "controlHealthPort" (int .Values.control.healthPort) }}
{{- with .Values.control }}
{{- if .insecure }}{{ $_ := set $settings "controlInsecure" "on" }}{{ end }}
{{- if .tls.enabled }}
{{- $_ := set $settings "controlTlsCertFile" (printf "/etc/order-streams/control-tls/%s" .tls.certKey) }}
{{- $_ := set $settings "controlTlsKeyFile" (printf "/etc/order-streams/control-tls/%s" .tls.keyKey) }}
{{- if .tls.caKey }}{{ $_ := set $settings "controlPeerCaFile" (printf "/etc/order-streams/control-tls/%s" .tls.caKey) }}{{ end }}
{{- end }}
{{- if .clientCa.enabled }}
{{- $file := ternary (printf "/etc/order-streams/client-ca/%s" .clientCa.key) (printf "/etc/order-streams/control-tls/%s" .tls.caKey) (ne .clientCa.existingSecret "") }}
{{- $_ := set $settings "controlClientCaFile" $file }}
{{- $_ := set $settings "controlClientRoles" (join ", " (concat .clientRoles (list (printf "DNS:%s=instance" (include "order-streams.controlHost" $))))) }}
{{- end }}
{{- if .tokens.existingSecret }}{{ $_ := set $settings "controlTokenFile" (printf "/etc/order-streams/control-tokens/%s" .tokens.key) }}{{ end }}
{{- with .jwt }}
{{- if .jwks }}
{{- $settings = merge $settings (dict "controlJwks" .jwks "controlJwtIssuer" .issuer "controlJwtAudience" .audience "controlJwtRoleClaim" .roleClaim "controlJwtRoles" .roles) }}
{{- end }}
{{- end }}
{{- end }}
{{- if .Values.savepoints.enabled }}{{ $_ := set $settings "savepointDir" "/var/lib/order-streams-savepoints" }}{{ end }}
{{- toYaml $settings }}
{{- end }}

{{/* The configuration file of a component: what the chart says, then `settings` of all, then its own. */}}
{{- define "order-streams.configuration" -}}
{{- $settings := include "order-streams.placeSettings" .root | fromYaml }}
{{- if not .hook }}
{{- /* A process that gave up while services are away would come back to nothing better: whoever starts it anew waits longer and longer. */}}
{{- $settings = mergeOverwrite $settings (dict "startWaitMs" 86400000 "outageMaxMs" 86400000) }}
{{- end }}
{{- if and .root.Values.database.caSecret (or .isTopology .needsDatabase) }}
{{- $_ := set $settings "databaseTlsCaFile" (printf "/etc/order-streams/database-ca/%s" .root.Values.database.caKey) }}
{{- end }}
{{- if .isTopology }}
{{- $settings = mergeOverwrite $settings (include "order-streams.controlSettings" .root | fromYaml) }}
{{- end }}
{{- toYaml (mergeOverwrite $settings (deepCopy .root.Values.settings) (deepCopy (.settings | default dict))) }}
{{- end }}

{{/* Variables of every container: credentials, and what memory asks for; .needsDatabase, .hook as for the Secret of the database. */}}
{{- define "order-streams.variables" -}}
{{- if .needsDatabase }}
- name: DATABASE_URL
  valueFrom:
    secretKeyRef:
      {{- include "order-streams.databaseSecret" . | nindent 6 }}
{{- end }}
{{- with .root.Values.kafka.sasl }}
{{- if ne .mechanism "none" }}
- name: KAFKA_SASL_USERNAME
  valueFrom:
    secretKeyRef:
      name: {{ .existingSecret }}
      key: {{ .usernameKey }}
- name: KAFKA_SASL_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ .existingSecret }}
      key: {{ .passwordKey }}
{{- end }}
{{- end }}
{{- with .root.Values.registry }}
{{- if .existingSecret }}
- name: ORDER_STREAMS_REGISTRY_USERNAME
  valueFrom:
    secretKeyRef:
      name: {{ .existingSecret }}
      key: {{ .usernameKey }}
- name: ORDER_STREAMS_REGISTRY_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ .existingSecret }}
      key: {{ .passwordKey }}
{{- end }}
{{- end }}
{{- with .root.Values.registry.caSecret }}
- name: NODE_EXTRA_CA_CERTS
  value: /etc/order-streams/registry-ca/{{ $.root.Values.registry.caKey }}
{{- end }}
- name: ORDER_STREAMS_CONFIG
  value: /etc/order-streams/configuration/order-streams.yaml
{{- include "order-streams.nodeOptions" . }}
{{- end }}

{{/* The image gives new objects room for 1Gi and more; a container that has less memory gets what Node.js has by default. .values has resources, extraEnv. */}}
{{- define "order-streams.nodeOptions" -}}
{{- $limit := dict }}
{{- with .values.resources }}{{ with .limits }}{{ $limit = . }}{{ end }}{{ end }}
{{- $memory := get $limit "memory" | toString }}
{{- $number := regexFind "^[0-9.]+(e[+]?[0-9]+)?" $memory }}
{{- $bytes := get (dict "" 1 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776) (trimPrefix $number $memory) }}
{{- $isSet := false }}
{{- range .values.extraEnv }}{{ if eq .name "NODE_OPTIONS" }}{{ $isSet = true }}{{ end }}{{ end }}
{{- if and $number $bytes (not $isSet) (lt (mulf (float64 $number) (float64 $bytes)) 1073741824.0) }}
- name: NODE_OPTIONS
  value: --max-semi-space-size=16
{{- end }}
{{- end }}

{{/*
.resources as they are; without the limit of ephemeral storage where a volume in the pod counts against it (.isOnDisk), which has its own limit: a pod
that passes the limit is evicted, and its volume goes with it.
*/}}
{{- define "order-streams.resources" -}}
{{- $resources := deepCopy (.resources | default dict) }}
{{- /* What a topology takes back of topologyDefaults is null. */}}
{{- range $kind, $amounts := $resources }}
{{- range $resource, $amount := $amounts }}{{ if kindIs "invalid" $amount }}{{ $_ := unset $amounts $resource }}{{ end }}{{ end }}
{{- end }}
{{- if .isOnDisk }}{{ $_ := set $resources "limits" (omit ($resources.limits | default dict) "ephemeral-storage") }}{{ end }}
{{- toYaml $resources }}
{{- end }}

{{/* Secrets that are read as files, as name and Secret. Those of the control services are watched, all others read at the start. */}}
{{- define "order-streams.fileSecrets" -}}
{{- $secrets := dict }}
{{- with .root.Values }}
{{- if and .kafka.tls.enabled .kafka.tls.existingSecret }}{{ $_ := set $secrets "kafka-tls" .kafka.tls.existingSecret }}{{ end }}
{{- if .registry.caSecret }}{{ $_ := set $secrets "registry-ca" .registry.caSecret }}{{ end }}
{{- if and .database.caSecret (or $.isTopology $.needsDatabase) }}{{ $_ := set $secrets "database-ca" .database.caSecret }}{{ end }}
{{- if $.isTopology }}
{{- if .control.tls.enabled }}{{ $_ := set $secrets "control-tls" (include "order-streams.tlsSecret" $.root) }}{{ end }}
{{- if and .control.clientCa.enabled .control.clientCa.existingSecret }}{{ $_ := set $secrets "client-ca" .control.clientCa.existingSecret }}{{ end }}
{{- if .control.tokens.existingSecret }}{{ $_ := set $secrets "control-tokens" .control.tokens.existingSecret }}{{ end }}
{{- end }}
{{- end }}
{{- toYaml $secrets }}
{{- end }}

{{- define "order-streams.fileMounts" -}}
- name: configuration
  mountPath: /etc/order-streams/configuration
  readOnly: true
- name: tmp
  mountPath: /tmp
{{- range $name, $_ := include "order-streams.fileSecrets" . | fromYaml }}
- name: {{ $name }}
  mountPath: /etc/order-streams/{{ $name }}
  readOnly: true
{{- end }}
{{- end }}

{{/* .configMap is the name of the one with the configuration. */}}
{{- define "order-streams.fileVolumes" -}}
- name: configuration
  configMap:
    name: {{ .configMap }}
- name: tmp
  emptyDir:
    sizeLimit: 64Mi
{{- range $name, $secret := include "order-streams.fileSecrets" . | fromYaml }}
- name: {{ $name }}
  secret:
    secretName: {{ $secret }}
    defaultMode: 0440
{{- end }}
{{- end }}

{{/* Of every pod: who it is and where it may run. .values has nodeSelector, tolerations, affinity, priorityClassName. */}}
{{- define "order-streams.podSettings" -}}
serviceAccountName: {{ include "order-streams.serviceAccountName" . }}
automountServiceAccountToken: false
# Links would be variables such as ORDER_STREAMS_…, which the product takes for settings.
enableServiceLinks: false
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- include "order-streams.podSecurity" . | nindent 2 }}
{{- with .values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if .values.topologySpread }}
topologySpreadConstraints:
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: {{ $.values.topologySpread }}
    labelSelector:
      matchLabels:
        {{- include "order-streams.selectorLabels" $ | nindent 8 }}
  {{- end }}
{{- end }}
{{- end }}

{{/* Pods start anew when what they read only at their start changes. */}}
{{- define "order-streams.podAnnotations" -}}
{{- $checksums := dict "checksum/configuration" (include "order-streams.configuration" . | sha256sum) }}
{{- if and .root.Values.database.url (not .root.Values.database.existingSecret) }}
{{- $_ := set $checksums "checksum/database" (.root.Values.database.url | sha256sum) }}
{{- end }}
{{- toYaml (mergeOverwrite (dict) (.root.Values.commonAnnotations | default dict) (.values.podAnnotations | default dict) $checksums) }}
{{- end }}
