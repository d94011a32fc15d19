{{/* Everything is named after the release: the in-cluster URL is http://<release>.<namespace>. */}}
{{- define "model-server.fullname" -}}
{{- .Release.Name | trunc 53 | trimSuffix "-" -}}
{{- end -}}

{{/* Selectors never change: they are immutable in a Deployment. */}}
{{- define "model-server.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "model-server.commonLabels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: ekiben
{{- with .Values.model.version }}
app.kubernetes.io/version: {{ . | quote }}
{{- end }}
{{- end -}}

{{- define "model-server.labels" -}}
{{ include "model-server.selectorLabels" . }}
{{ include "model-server.commonLabels" . }}
{{- end -}}

{{/* The pods of `helm test` must not match the Service's selector. */}}
{{- define "model-server.testLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}-test
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{/* A digest wins over a tag. */}}
{{- define "model-server.image" -}}
{{- $repository := required "image.repository: expected the image's repository, found nothing" .Values.image.repository -}}
{{- if .Values.image.digest -}}
{{ $repository }}@{{ .Values.image.digest }}
{{- else -}}
{{- if .Values.image.requireDigest -}}
{{- fail "image.digest: expected a digest (image.requireDigest), found none: a tag can be moved" -}}
{{- end -}}
{{ $repository }}:{{ required "image.digest (or image.tag): expected one of them, found neither" .Values.image.tag }}
{{- end -}}
{{- end -}}

{{- define "model-server.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (ternary (include "model-server.fullname" .) "default" .Values.serviceAccount.create) -}}
{{- end -}}

{{/* Drain (at most twice drainSeconds), then the longest request, then 10 s to flush and exit. */}}
{{- define "model-server.computedGraceSeconds" -}}
{{- add (mul 2 (int .Values.drainSeconds)) (int .Values.requestTimeoutSeconds) 10 -}}
{{- end -}}

{{- define "model-server.graceSeconds" -}}
{{- max (include "model-server.computedGraceSeconds" . | int) (int .Values.terminationGracePeriodSeconds) -}}
{{- end -}}

{{/* Where no HPA owns their number: as many as are there, so that switching one off ends no replica. */}}
{{- define "model-server.replicas" -}}
{{- $there := lookup "apps/v1" "Deployment" .Release.Namespace (include "model-server.fullname" .) -}}
{{- .Values.replicaCount | default (max 2 (dig "spec" "replicas" 2 $there | int)) -}}
{{- end -}}

{{/* "true" where an HPA, the chart's or KEDA's, owns the number of replicas. */}}
{{- define "model-server.scaled" -}}
{{- if or .Values.autoscaling.enabled .Values.keda.enabled -}}true{{- end -}}
{{- end -}}

{{/* The HPA that scales, by name: KEDA's own is not the chart's, so that a switch never finds its name taken. */}}
{{- define "model-server.autoscalerName" -}}
{{- if .Values.keda.enabled }}keda-hpa-{{ end }}{{ include "model-server.fullname" . -}}
{{- end -}}

{{/* "true" where a ServiceMonitor (or PodMonitor) is wanted and the cluster knows the kind. */}}
{{- define "model-server.serviceMonitor" -}}
{{- if and .Values.serviceMonitor.enabled (.Capabilities.APIVersions.Has "monitoring.coreos.com/v1/ServiceMonitor") -}}true{{- end -}}
{{- end -}}

{{- define "model-server.podMonitor" -}}
{{- if and .Values.podMonitor.enabled (.Capabilities.APIVersions.Has "monitoring.coreos.com/v1/PodMonitor") -}}true{{- end -}}
{{- end -}}

{{/* How a monitor scrapes with TLS; the certificate's name is the Service's. Takes "root" and "tlsConfig". */}}
{{- define "model-server.scrapeTls" -}}
{{- $name := printf "%s.%s.svc" (include "model-server.fullname" .root) .root.Release.Namespace -}}
scheme: https
tlsConfig:
  {{- merge (deepCopy .tlsConfig) (dict "serverName" $name) | toYaml | nindent 2 }}
{{- end -}}

{{/* Name of the container's port for metrics: a foreign service may have one port for all. */}}
{{- define "model-server.metricsPort" -}}
{{- ternary "http" "metrics" (eq (int .Values.ports.metrics) (int .Values.ports.http)) -}}
{{- end -}}

{{/* Containers as they were given; one that says no securityContext gets the chart's. Takes "root" and "containers". */}}
{{- define "model-server.containers" -}}
{{- $context := dict "securityContext" .root.Values.securityContext -}}
{{- range .containers }}
- {{ merge (deepCopy .) (ternary (dict) $context (hasKey . "securityContext")) | toYaml | nindent 2 | trim }}
{{- end }}
{{- end -}}

{{/* Hooks of the container: a foreign server gets the time in which traffic moves away, ours drains by itself. */}}
{{- define "model-server.lifecycle" -}}
{{- if .Values.lifecycle -}}
{{- toYaml .Values.lifecycle -}}
{{- else if not .Values.server.enabled -}}
preStop:
  sleep:
    seconds: {{ int .Values.drainSeconds }}
{{- end -}}
{{- end -}}

{{- define "model-server.dnsRule" -}}
{{- if .Values.networkPolicy.dns -}}
- to:
    {{- toYaml .Values.networkPolicy.dns | nindent 4 }}
  ports:
    {{- range list 53 5353 }}
    - {port: {{ . }}, protocol: UDP}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
{{- end -}}
{{- end -}}

{{/* Probes as they were given, over TLS where the pods speak it. */}}
{{- define "model-server.probe" -}}
{{- $probe := deepCopy .probe -}}
{{- if and .tls.enabled $probe.httpGet (not (hasKey $probe.httpGet "scheme")) -}}
{{- $_ := set $probe.httpGet "scheme" "HTTPS" -}}
{{- end -}}
{{- toYaml $probe -}}
{{- end -}}

{{- define "model-server.tlsSecret" -}}
{{- required "tls.secretName: expected the name of a Secret of type kubernetes.io/tls, found nothing" .Values.tls.secretName -}}
{{- end -}}

{{/* What a port's bytes are, for proxies: "https" where the pods speak TLS. */}}
{{- define "model-server.scheme" -}}
{{- ternary "https" "http" .Values.tls.enabled -}}
{{- end -}}

{{- define "model-server.serverEnv" -}}
- {name: EKIBEN_ACCESS, value: {{ .Values.access.mode | quote }}}
{{- if eq .Values.access.mode "required" }}
- {name: EKIBEN_ACCESS_DIR, value: /etc/ekiben/access}
{{- end }}
{{- if .Values.tls.enabled }}
- {name: EKIBEN_TLS_CERTIFICATE, value: /etc/ekiben/tls/tls.crt}
- {name: EKIBEN_TLS_KEY, value: /etc/ekiben/tls/tls.key}
{{- end }}
{{- with .Values.seal }}
{{- if and .allowPickle (not .signers) }}
{{- fail "seal.allowPickle: expected seal.signers beside it: a pickle runs what its writer wants" }}
{{- end }}
{{- with .signers }}
- {name: EKIBEN_SIGNERS, value: {{ join "," . | quote }}}
- {name: EKIBEN_ALLOW_PICKLE, value: {{ $.Values.seal.allowPickle | quote }}}
{{- end }}
{{- if .encryption.secretName }}
- {name: EKIBEN_SEAL_KEYS, value: /etc/ekiben/seal}
{{- end }}
{{- end }}
{{- with .Values.server }}
- {name: EKIBEN_GRPC, value: {{ .grpc | quote }}}
- {name: EKIBEN_PREDICTOR, value: {{ .predictor | quote }}}
- {name: EKIBEN_MOST_CONNECTIONS, value: {{ int .mostConnections | quote }}}
- {name: EKIBEN_MOST_IN_PROGRESS, value: {{ int .mostInProgress | quote }}}
- {name: EKIBEN_WORKERS, value: {{ int .workers | quote }}}
- {name: EKIBEN_MOST_BODY_BYTES, value: {{ int .mostBodyBytes | quote }}}
- {name: EKIBEN_MOST_ROWS, value: {{ int .mostRows | quote }}}
- {name: EKIBEN_EXPLAIN, value: {{ .explain.enabled | quote }}}
- {name: EKIBEN_MOST_EXPLAINED_ROWS, value: {{ int .explain.mostRows | quote }}}
- {name: EKIBEN_MOST_EXPLAINING, value: {{ int .explain.mostInProgress | quote }}}
- {name: EKIBEN_EXPLAIN_SECONDS, value: {{ .explain.timeoutSeconds | quote }}}
- {name: EKIBEN_RATE_PER_CALLER, value: {{ .ratePerCaller | quote }}}
- {name: EKIBEN_BURST_PER_CALLER, value: {{ int .burstPerCaller | quote }}}
- {name: EKIBEN_HEADER_SECONDS, value: {{ .headerSeconds | quote }}}
- {name: EKIBEN_CONNECTION_SECONDS, value: {{ .connectionSeconds | quote }}}
- {name: EKIBEN_LOG_SAMPLE_RATIO, value: {{ .logSampleRatio | quote }}}
- {name: EKIBEN_LOG_LINES_PER_SECOND, value: {{ int .logLinesPerSecond | quote }}}
- {name: EKIBEN_RECHECK_SECONDS, value: {{ .recheckSeconds | quote }}}
{{- with .objectiveSeconds }}
- {name: EKIBEN_OBJECTIVE_SECONDS, value: {{ join "," . | quote }}}
{{- end }}
{{- end }}
{{- end -}}

{{- define "model-server.keysSecret" -}}
{{- .Values.access.keys.secretName | default (printf "%s-keys" (include "model-server.fullname" .)) -}}
{{- end -}}

{{- define "model-server.verifySecret" -}}
{{- .Values.access.verifySecretName | default (printf "%s-verify" (include "model-server.fullname" .)) -}}
{{- end -}}

{{/* One folder of three kinds of files: keys and key sets may come later, and change while the pods run. */}}
{{- define "model-server.accessSources" -}}
defaultMode: 0440
sources:
  - secret:
      name: {{ include "model-server.keysSecret" . | quote }}
      optional: true
      items: [{key: keys.json, path: keys.json}]
  {{- if .Values.access.tokens.issuers }}
  - configMap:
      name: {{ include "model-server.fullname" . }}-access
      items: [{key: policy.json, path: policy.json}]
  {{- end }}
  {{- range $place, $issuer := .Values.access.tokens.issuers }}
  {{- with $issuer.jwks.configMapName }}
  - configMap:
      name: {{ . | quote }}
      optional: true
      items: [{key: jwks.json, path: jwks-{{ $place }}.json}]
  {{- end }}
  {{- end }}
{{- end -}}

{{/* `policy.json`: format 1 of ekiben.serving.access.policy. */}}
{{- define "model-server.policy" -}}
{{- $issuers := list -}}
{{- range $place, $given := .Values.access.tokens.issuers -}}
{{- $issuer := omit $given "jwks" -}}
{{- if $given.jwks.url -}}
{{- $_ := set $issuer "jwks_url" $given.jwks.url -}}
{{- else -}}
{{- $_ := set $issuer "jwks_file" (printf "jwks-%d.json" $place) -}}
{{- end -}}
{{- $issuers = append $issuers $issuer -}}
{{- end -}}
{{- dict "format" 1 "leeway_seconds" .Values.access.tokens.leewaySeconds "issuers" $issuers | toPrettyJson -}}
{{- end -}}
