{{/* Everything is named after the release: the in-cluster URL is http://<release>.<namespace>. */}}
{{- define "model-server.fullname" -}}
{{- .Release.Name | trunc 53 | trimSuffix "-" -}}
{{- end -}}

{{/* Selectors never change: they are immutable in a Deployment. */}}
{{- define "model-server.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
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
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* A digest wins over a tag. */}}
{{- define "model-server.image" -}}
{{- $repository := required "image.repository: expected the image's repository, found nothing" .Values.image.repository -}}
{{- if .Values.image.digest -}}
{{ $repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ $repository }}:{{ required "image.digest (or image.tag): expected one of them, found neither" .Values.image.tag }}
{{- end -}}
{{- end -}}

{{- define "model-server.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (ternary (include "model-server.fullname" .) "default" .Values.serviceAccount.create) -}}
{{- end -}}

{{/* Drain (at most twice drainSeconds), then the longest request, then 10 s to flush and exit. */}}
{{- define "model-server.graceSeconds" -}}
{{- add (mul 2 (int .Values.drainSeconds)) (int .Values.requestTimeoutSeconds) 10 -}}
{{- end -}}

{{/* "true" where a ServiceMonitor is wanted and the cluster knows the kind. */}}
{{- define "model-server.serviceMonitor" -}}
{{- if and .Values.serviceMonitor.enabled (.Capabilities.APIVersions.Has "monitoring.coreos.com/v1/ServiceMonitor") -}}true{{- end -}}
{{- end -}}

{{/* Pod Security "restricted", said in full so that no namespace default is needed. */}}
{{- define "model-server.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "model-server.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
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
