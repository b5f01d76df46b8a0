{{/*
The small services that quickstart brings along. Their names are <fullname>-kafka, -registry and -mysql; Kafka and MySQL answer to
their names by headless services, so that the broker reaches itself by the address that it gives to others.
*/}}

{{- define "order-streams.quickstart.name" -}}
{{- printf "%s-%s" (include "order-streams.fullname" .root | trunc 54 | trimSuffix "-") .service }}
{{- end }}

{{/* host:port of the broker, as it is written into its advertised listener, too. */}}
{{- define "order-streams.quickstart.kafkaAddress" -}}
{{- $name := include "order-streams.quickstart.name" (dict "root" . "service" "kafka") }}
{{- printf "%s-0.%s.%s.svc.%s:9092" $name $name .Release.Namespace .Values.clusterDomain }}
{{- end }}

{{- define "order-streams.quickstart.registryUrl" -}}
{{- printf "http://%s:8080/apis/ccompat/v7" (include "order-streams.quickstart.name" (dict "root" . "service" "registry")) }}
{{- end }}

{{/* The Secret with the passwords of MySQL, and under `url` what the product connects with. */}}
{{- define "order-streams.quickstart.secretName" -}}
{{- include "order-streams.quickstart.name" (dict "root" . "service" "mysql") }}
{{- end }}

{{/* Whether the secret called .key is set by values, is in the cluster already, or has to be made up. */}}
{{- define "order-streams.quickstart.password" -}}
{{- $set := index .root.Values.quickstart.mysql .value }}
{{- $existing := lookup "v1" "Secret" .root.Release.Namespace (include "order-streams.quickstart.secretName" .root) }}
{{- if $set }}
{{- $set }}
{{- else if and $existing (hasKey ($existing.data | default dict) .key) }}
{{- index $existing.data .key | b64dec }}
{{- else }}
{{- randAlphaNum 24 }}
{{- end }}
{{- end }}

{{- define "order-streams.quickstart.labels" -}}
{{ include "order-streams.labels" (dict "root" .root "component" .service) }}
{{- end }}

{{- define "order-streams.quickstart.selectorLabels" -}}
app.kubernetes.io/name: {{ include "order-streams.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/component: {{ .service }}
{{- end }}

{{- define "order-streams.quickstart.image" -}}
{{- if .digest }}{{ printf "%s@%s" .repository .digest }}{{ else }}{{ printf "%s:%s" .repository .tag }}{{ end }}
{{- end }}

{{/* Of every pod; .user is the one that the image is made for. */}}
{{- define "order-streams.quickstart.pod" -}}
serviceAccountName: {{ include "order-streams.quickstart.name" (dict "root" .root "service" "quickstart") }}
automountServiceAccountToken: false
# Links would be variables, of which the images take some for settings.
enableServiceLinks: false
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .user }}
  runAsGroup: {{ .user }}
  fsGroup: {{ .user }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "order-streams.quickstart.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* The claim of a StatefulSet, or where persistence is off a volume that ends with the pod. */}}
{{- define "order-streams.quickstart.claims" -}}
persistentVolumeClaimRetentionPolicy:
  whenDeleted: {{ .whenDeleted }}
  whenScaled: Retain
{{- if .enabled }}
volumeClaimTemplates:
  - metadata:
      name: data
    spec:
      accessModes: [ReadWriteOnce]
      {{- with .storageClass }}
      storageClassName: {{ . | quote }}
      {{- end }}
      resources:
        requests:
          storage: {{ .size }}
{{- end }}
{{- end }}
