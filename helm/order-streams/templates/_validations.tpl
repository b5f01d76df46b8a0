{{/*
Settings that `settings` may not have, and what to use instead, if anything: credentials, which all who may read a ConfigMap could read; what other
objects of the chart agree with; and what variables of the container say, which come before any file.
*/}}
{{- define "order-streams.reservedSettings" -}}
brokers: kafka.brokers
partitions: kafka.partitions
replicationFactor: kafka.replicationFactor
kafkaTls: kafka.tls.enabled
kafkaTlsCaFile: kafka.tls.existingSecret
kafkaTlsCertFile: kafka.tls.certKey
kafkaTlsKeyFile: kafka.tls.keyKey
kafkaSaslMechanism: kafka.sasl.mechanism
kafkaSaslUsername: kafka.sasl.existingSecret
kafkaSaslPassword: kafka.sasl.existingSecret
registryUrl: registry.url
registryUsername: registry.existingSecret
registryPassword: registry.existingSecret
databaseUrl: database.existingSecret
databaseTlsCaFile: database.caSecret
controlHost: ""
controlPort: control.port
controlHealthPort: control.healthPort
controlInsecure: control.insecure
controlTlsCertFile: control.tls
controlTlsKeyFile: control.tls
controlPeerCaFile: control.tls
controlClientCaFile: control.clientCa
controlClientRoles: control.clientRoles
controlTokenFile: control.tokens
controlJwks: control.jwt
controlJwtIssuer: control.jwt
controlJwtAudience: control.jwt
controlJwtRoleClaim: control.jwt
controlJwtRoles: control.jwt
controlEndpoint: ""
instanceId: ""
zone: ""
savepointDir: savepoints.enabled
tracing: tracing.enabled
tracingEndpoint: tracing.endpoint
tracingSampleRatio: tracing.sampleRatio
httpHost: ""
httpPort: ""
apiHost: ""
apiPort: ""
stateDir: ""
dataDir: ""
httpServer: ""
controlServer: ""
healthHost: ""
healthPort: ""
ctlToken: helmTest.tokenSecret
logFormat: extraEnv with ORDER_STREAMS_LOG_FORMAT
{{- end }}

{{/* Problems of settings, a list: .given is a dictionary of settings by the path of their value. */}}
{{- define "order-streams.settingProblems" -}}
{{- $problems := list }}
{{- $reserved := include "order-streams.reservedSettings" . | fromYaml }}
{{- range $path, $settings := .given }}
{{- range $name, $_ := $settings | default dict }}
{{- if hasKey $reserved $name }}
{{- $problems = append $problems (printf "%s.%s cannot be set there: %s" $path $name (ternary "the chart needs it as it is" (printf "use %s" (get $reserved $name)) (empty (get $reserved $name)))) }}
{{- end }}
{{- end }}
{{- end }}
{{- toYaml $problems }}
{{- end }}

{{/* A list with the problem of a pod that is killed before the process has stopped in order. */}}
{{- define "order-streams.graceProblems" -}}
{{- $graceMs := int64 (get (.settings | default dict) "shutdownGraceMs" | default (get .root.Values.settings "shutdownGraceMs") | default 25000) }}
{{- $neededSeconds := add1 (div (add $graceMs .delayMs) 1000) }}
{{- if lt (int64 .values.terminationGracePeriodSeconds) $neededSeconds }}
{{- toYaml (list (printf "%s.terminationGracePeriodSeconds is %d, too short for a process that may take %d ms (shutdownGraceMs) to stop in order: give it %d or more, or lower that setting" .path (int64 .values.terminationGracePeriodSeconds) $graceMs $neededSeconds)) }}
{{- end }}
{{- end }}

{{/* Combinations that no schema can refuse: all of them are told at once, each with its remedy. */}}
{{- define "order-streams.validations" -}}
{{- $problems := list }}
{{- with .Values }}
{{- if and (not .kafka.brokers) (not .quickstart.kafka.enabled) }}
{{- $problems = append $problems "kafka.brokers is empty: name some brokers as host:port, or take the one of quickstart (-f quickstart-values.yaml)" }}
{{- end }}
{{- if and .kafka.brokers .quickstart.kafka.enabled }}
{{- $problems = append $problems "kafka.brokers and quickstart.kafka.enabled are both set: keep one of them" }}
{{- end }}
{{- if and (not .registry.url) (not .quickstart.registry.enabled) }}
{{- $problems = append $problems "registry.url is empty: give the URL of the schema registry, or take the one of quickstart" }}
{{- end }}
{{- if and .registry.url .quickstart.registry.enabled }}
{{- $problems = append $problems "registry.url and quickstart.registry.enabled are both set: keep one of them" }}
{{- end }}
{{- $databases := 0 }}
{{- range list .database.url .database.existingSecret .quickstart.mysql.enabled }}{{ if . }}{{ $databases = add $databases 1 }}{{ end }}{{ end }}
{{- if eq (int $databases) 0 }}
{{- $problems = append $problems "there is no database: set database.existingSecret to a Secret with the URL (or database.url), or take the one of quickstart" }}
{{- else if gt (int $databases) 1 }}
{{- $problems = append $problems "more than one of database.existingSecret, database.url and quickstart.mysql.enabled is set: keep one of them" }}
{{- end }}
{{- if and .database.caSecret (not .database.existingSecret) (not (contains "ssl=true" .database.url)) }}
{{- $problems = append $problems "database.caSecret is set, but the database would be spoken to in plaintext: add ?ssl=true to its URL" }}
{{- end }}
{{- if and (ne .kafka.sasl.mechanism "none") (not .kafka.sasl.existingSecret) }}
{{- $problems = append $problems (printf "kafka.sasl.mechanism is %s, but kafka.sasl.existingSecret is empty: name a Secret with %s and %s" .kafka.sasl.mechanism .kafka.sasl.usernameKey .kafka.sasl.passwordKey) }}
{{- end }}
{{- if and .kafka.sasl.existingSecret (eq .kafka.sasl.mechanism "none") }}
{{- $problems = append $problems "kafka.sasl.existingSecret is set, but kafka.sasl.mechanism is none: set it to plain, scram-sha-256 or scram-sha-512" }}
{{- end }}
{{- if ne (empty .kafka.tls.certKey) (empty .kafka.tls.keyKey) }}
{{- $problems = append $problems "of kafka.tls.certKey and kafka.tls.keyKey only one is set: a client certificate takes both" }}
{{- end }}
{{- with .control }}
{{- $credentials := or .clientCa.enabled .tokens.existingSecret .jwt.jwks }}
{{- if and (not .insecure) (not .tls.enabled) }}
{{- $problems = append $problems "the control services would be in plaintext: set control.tls.enabled, with existingSecret or certManager, or control.insecure to true where a service mesh encrypts" }}
{{- else if and (not .insecure) (not $credentials) }}
{{- $problems = append $problems "the control services would ask nobody for credentials: set control.clientCa.enabled, control.tokens.existingSecret or control.jwt.jwks, or control.insecure to true" }}
{{- end }}
{{- if and .tls.enabled (not .tls.existingSecret) (not .tls.certManager.enabled) }}
{{- $problems = append $problems "control.tls.enabled without a certificate: set control.tls.existingSecret, or control.tls.certManager.enabled" }}
{{- end }}
{{- if and .tls.existingSecret .tls.certManager.enabled }}
{{- $problems = append $problems "control.tls.existingSecret and control.tls.certManager.enabled are both set: keep one of them" }}
{{- end }}
{{- if and .tls.certManager.enabled (not .tls.certManager.issuerRef.name) }}
{{- $problems = append $problems "control.tls.certManager.issuerRef.name is empty: name an Issuer of this namespace, or a ClusterIssuer with kind: ClusterIssuer" }}
{{- end }}
{{- if and .clientCa.enabled (not .tls.enabled) }}
{{- $problems = append $problems "control.clientCa.enabled needs control.tls.enabled: client certificates are shown within TLS" }}
{{- end }}
{{- if and .jwt.jwks (or (not .jwt.issuer) (not .jwt.audience)) }}
{{- $problems = append $problems "control.jwt.jwks needs control.jwt.issuer and control.jwt.audience" }}
{{- end }}
{{- if eq (int .port) (int .healthPort) }}
{{- $problems = append $problems (printf "control.port and control.healthPort are both %d: give them different ports" (int .port)) }}
{{- end }}
{{- end }}
{{- if and .tracing.enabled (not .tracing.endpoint) }}
{{- $problems = append $problems "tracing.enabled, but tracing.endpoint is empty: give the URL of a collector that takes OTLP over HTTP, such as http://collector:4318" }}
{{- end }}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" (include "order-streams.fullname" $)) }}
{{- $problems = append $problems (printf "names of objects would begin with %s, which those of Services cannot: set fullnameOverride to a name of a-z, 0-9 and - that begins with a letter" (include "order-streams.fullname" $)) }}
{{- end }}
{{- if and (not .api.enabled) (not (include "order-streams.enabledTopologies" $ | fromYaml)) }}
{{- $problems = append $problems "no topology is enabled, and api.enabled is false: there is nothing to run" }}
{{- end }}
{{- range $path, $port := dict "control.port" .control.port "control.healthPort" .control.healthPort "api.service.port" .api.service.port }}
{{- if eq (int $port) 8080 }}
{{- $problems = append $problems (printf "%s is 8080, where metrics are served: take another one" $path) }}
{{- end }}
{{- end }}
{{- $problems = concat $problems (include "order-streams.labelProblems" (dict "path" "commonLabels" "given" .commonLabels) | fromYamlArray) }}
{{- if .api.enabled }}
{{- $problems = concat $problems (include "order-streams.podProblems" (dict "root" $ "path" "api" "values" .api "configMap" "any") | fromYamlArray) }}
{{- end }}
{{- $given := dict "settings" .settings "topologyDefaults.settings" .topologyDefaults.settings "api.settings" .api.settings }}
{{- range $name, $topology := .topologies }}
{{- $_ := set $given (printf "topologies.%s.settings" $name) (get ($topology | default dict) "settings") }}
{{- end }}
{{- $problems = concat $problems (include "order-streams.settingProblems" (dict "given" $given) | fromYamlArray) }}
{{- if .api.enabled }}
{{- /* Its preStop takes 5 s of it. */}}
{{- $problems = concat $problems (include "order-streams.graceProblems" (dict "root" $ "path" "api" "values" .api "settings" .api.settings "delayMs" 5000) | fromYamlArray) }}
{{- end }}
{{- range $name, $topology := include "order-streams.enabledTopologies" $ | fromYaml }}
{{- $problems = concat $problems (include "order-streams.graceProblems" (dict "root" $ "path" (printf "topologies.%s" $name) "values" $topology "settings" $topology.settings "delayMs" 0) | fromYamlArray) }}
{{- $problems = concat $problems (include "order-streams.podProblems" (dict "root" $ "path" (printf "topologies.%s" $name) "values" $topology "isTopology" true "needsDatabase" true "configMap" "any") | fromYamlArray) }}
{{- if and (eq $topology.autoscaling.kind "none") (gt (int $topology.replicas) (int $.Values.kafka.partitions)) }}
{{- $problems = append $problems (printf "topologies.%s.replicas is %d, more than kafka.partitions (%d): instances beyond the partitions have nothing to do; lower it, or give the topics more partitions" $name (int $topology.replicas) (int $.Values.kafka.partitions)) }}
{{- end }}
{{- end }}
{{- end }}
{{- if $problems }}
{{- fail (printf "\n  %s" (join "\n  " $problems)) }}
{{- end }}
{{- end }}
