{{/* What would break a rollout is refused before the cluster is touched: expected, found, and why. */}}
{{- define "model-server.checks" -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" .Release.Name) -}}
{{- fail (printf "release name: expected lower-case letters, digits and dashes, a letter first, as a Service is named after it, found %s" .Release.Name) -}}
{{- end -}}
{{- include "model-server.checkScaling" . -}}
{{- include "model-server.checkTimes" . -}}
{{- include "model-server.checkPorts" . -}}
{{- include "model-server.checkProbes" . -}}
{{- include "model-server.checkResources" . -}}
{{- include "model-server.checkContainers" . -}}
{{- include "model-server.checkVolumes" . -}}
{{- include "model-server.checkSurroundings" . -}}
{{- end -}}

{{- define "model-server.checkScaling" -}}
{{- $bounds := .Values.autoscaling -}}
{{- if and .Values.autoscaling.enabled .Values.keda.enabled -}}
{{- fail "keda.enabled: expected autoscaling.enabled=false beside it, found both: KEDA makes an HPA of its own, and two would fight" -}}
{{- end -}}
{{- if and .Values.autoscaling.enabled (gt (int $bounds.targetCPUUtilizationPercentage) 100) -}}
{{- fail (printf "autoscaling.targetCPUUtilizationPercentage: expected at most 100 percent of the CPU request, found %d: what lies above the request is nobody's to promise" (int $bounds.targetCPUUtilizationPercentage)) -}}
{{- end -}}
{{- if include "model-server.scaled" . -}}
{{- if gt (int $bounds.minReplicas) (int $bounds.maxReplicas) -}}
{{- fail (printf "autoscaling: expected minReplicas <= maxReplicas, found %d > %d" (int $bounds.minReplicas) (int $bounds.maxReplicas)) -}}
{{- end -}}
{{- if .Values.replicaCount -}}
{{- fail (printf "replicaCount: expected none while autoscaling.enabled or keda.enabled, found %d: the HPA owns the number; set autoscaling.minReplicas" (int .Values.replicaCount)) -}}
{{- end -}}
{{- end -}}
{{- if .Values.keda.enabled -}}
{{- $_ := required "keda.serverAddress: expected one while keda.enabled, found nothing: without it there is no demand to scale by" .Values.keda.serverAddress -}}
{{- $demand := gt (float64 .Values.keda.demand.targetRate) 0.0 -}}
{{- if eq $demand (not (empty .Values.keda.query)) -}}
{{- fail (printf "keda.query, keda.demand.targetRate: expected one of them while keda.enabled, found %s" (ternary "both" "neither: there is no demand to scale by" $demand)) -}}
{{- end -}}
{{- if and $demand (not .Values.prometheusRule.enabled) -}}
{{- fail "keda.demand: expected prometheusRule.enabled beside it, found it off: nothing would record the demand" -}}
{{- end -}}
{{- range $name := list "serviceMonitor" "podMonitor" -}}
{{- $monitor := get $.Values $name -}}
{{- if and $demand $monitor.enabled (gt (int $monitor.intervalSeconds) 5) -}}
{{- fail (printf "%s.intervalSeconds: expected at most 5 with keda.demand, whose windows hold four scrapes, found %d" $name (int $monitor.intervalSeconds)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "model-server.checkTimes" -}}
{{- $least := include "model-server.computedGraceSeconds" . | int -}}
{{- $grace := int .Values.terminationGracePeriodSeconds -}}
{{- if and $grace (lt $grace $least) -}}
{{- fail (printf "terminationGracePeriodSeconds: expected 0 or at least 2 x drainSeconds + requestTimeoutSeconds + 10 = %d, found %d: requests in flight would be cut off" $least $grace) -}}
{{- end -}}
{{- with .Values.startupProbe -}}
{{- $start := add (.initialDelaySeconds | default 0 | int) (mul (.periodSeconds | default 10 | int) (.failureThreshold | default 3 | int)) -}}
{{- $least := add $start (int $.Values.minReadySeconds) 1 -}}
{{- if lt (int $.Values.progressDeadlineSeconds) (int $least) -}}
{{- fail (printf "progressDeadlineSeconds: expected at least %d, what startupProbe allows a start (%d s) and minReadySeconds together, found %d: a slow start would count as a failed rollout" (int $least) (int $start) (int $.Values.progressDeadlineSeconds)) -}}
{{- end -}}
{{- end -}}
{{- if le (int .Values.progressDeadlineSeconds) (int .Values.minReadySeconds) -}}
{{- fail (printf "progressDeadlineSeconds: expected more than minReadySeconds, found %d <= %d" (int .Values.progressDeadlineSeconds) (int .Values.minReadySeconds)) -}}
{{- end -}}
{{- end -}}

{{/* One number each, of the container and of the Service, and probes that ask a port which is there. */}}
{{- define "model-server.checkPorts" -}}
{{- $ports := list (int .Values.ports.http) -}}
{{- $names := list "http" (include "model-server.metricsPort" .) -}}
{{- $front := list (int .Values.service.port) (int .Values.service.metricsPort) -}}
{{- if .Values.server.grpc -}}
{{- $ports = append $ports (int .Values.ports.grpc) -}}
{{- $names = append $names "grpc" -}}
{{- $front = append $front (int .Values.service.grpcPort) -}}
{{- end -}}
{{- if .Values.server.enabled -}}
{{- $ports = append $ports (int .Values.ports.metrics) -}}
{{- end -}}
{{- if ne (len $ports) (len (uniq $ports)) -}}
{{- fail (printf "ports: expected a number of its own for each, found %v" $ports) -}}
{{- end -}}
{{- if ne (len $front) (len (uniq $front)) -}}
{{- fail (printf "service: expected a number of its own for port, grpcPort and metricsPort, found %v" $front) -}}
{{- end -}}
{{- range $kind := list "startupProbe" "readinessProbe" "livenessProbe" -}}
{{- $probe := get $.Values $kind | default dict -}}
{{- range $how := list "httpGet" "tcpSocket" -}}
{{- $port := dig $how "port" "" (omit $probe "exec" "grpc") -}}
{{- if and $port (kindIs "string" $port) (not (has $port $names)) -}}
{{- fail (printf "%s.%s.port: expected one of %s, found %s: no replica would ever be ready" $kind $how (join ", " (uniq $names)) $port) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* What Kubernetes takes of one probe and refuses of another. */}}
{{- define "model-server.checkProbes" -}}
{{- if dig "terminationGracePeriodSeconds" nil (.Values.readinessProbe | default dict) -}}
{{- fail "readinessProbe.terminationGracePeriodSeconds: expected none, as readiness restarts nothing, found one: Kubernetes takes no such pod" -}}
{{- end -}}
{{- range $kind := list "startupProbe" "livenessProbe" -}}
{{- $threshold := dig "successThreshold" 1 (get $.Values $kind | default dict) | default 1 | int -}}
{{- if ne $threshold 1 -}}
{{- fail (printf "%s.successThreshold: expected 1, found %d: Kubernetes takes no such pod" $kind $threshold) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "model-server.checkResources" -}}
{{- $limits := .Values.resources.limits -}}
{{- range $name, $request := .Values.resources.requests -}}
{{- $limit := get $limits $name -}}
{{- if gt (include "model-server.quantity" $request | float64) (include "model-server.quantity" $limit | float64) -}}
{{- fail (printf "resources.requests.%s: expected at most resources.limits.%s, %v, found %v: Kubernetes takes no such pod" $name $name $limit $request) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* A quantity as a number: of 250m, 0.25. */}}
{{- define "model-server.quantity" -}}
{{- if kindIs "string" . -}}
{{- $units := dict "" 1.0 "m" 0.001 "k" 1e3 "M" 1e6 "G" 1e9 "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 -}}
{{- $unit := regexFind "[a-zA-Z]*$" . -}}
{{- mulf (trimSuffix $unit . | float64) (get $units $unit) -}}
{{- else -}}
{{- . -}}
{{- end -}}
{{- end -}}

{{- define "model-server.checkContainers" -}}
{{- $names := list "model-server" -}}
{{- $ours := list (int .Values.ports.http) (int .Values.ports.metrics) -}}
{{- if .Values.server.grpc }}{{ $ours = append $ours (int .Values.ports.grpc) }}{{ end -}}
{{- range concat .Values.initContainers .Values.sidecars -}}
{{- $name := required "initContainers, sidecars: expected a name for each, found one without" .name -}}
{{- if has $name $names -}}
{{- fail (printf "initContainers, sidecars: expected names of their own, found %s twice (model-server is the chart's)" $name) -}}
{{- end -}}
{{- $names = append $names $name -}}
{{- range .ports -}}
{{- if has (int .containerPort) $ours -}}
{{- fail (printf "%s: expected ports that the server does not listen on, found %d" $name (int .containerPort)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "model-server.checkVolumes" -}}
{{- $names := list "tmp" "access" "seal" "tls" -}}
{{- range .Values.volumes -}}
{{- $name := required "volumes: expected a name for each, found one without" .name -}}
{{- if has $name $names -}}
{{- fail (printf "volumes: expected names of their own, found %s twice (tmp, access, seal and tls are the chart's)" $name) -}}
{{- end -}}
{{- $names = append $names $name -}}
{{- end -}}
{{- $places := list "/tmp" -}}
{{- range .Values.volumeMounts -}}
{{- if not (has .name $names) -}}
{{- fail (printf "volumeMounts: expected a volume of `volumes`, found %v, which is none: no pod would be created" .name) -}}
{{- end -}}
{{- $place := clean (required "volumeMounts: expected a mountPath for each, found one without" .mountPath) -}}
{{- if or (has $place $places) (hasPrefix "/etc/ekiben" $place) -}}
{{- fail (printf "volumeMounts: expected a mountPath of its own, found %s (/tmp and /etc/ekiben are the chart's)" $place) -}}
{{- end -}}
{{- $places = append $places $place -}}
{{- end -}}
{{- end -}}

{{- define "model-server.checkSurroundings" -}}
{{- if and .Values.serviceMonitor.enabled .Values.podMonitor.enabled -}}
{{- fail "podMonitor.enabled: expected serviceMonitor.enabled=false beside it, found both: every replica would be scraped twice" -}}
{{- end -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) -}}
{{- fail "ingress.hosts: expected at least one while ingress.enabled, found none" -}}
{{- end -}}
{{- range ternary .Values.ingress.hosts list .Values.ingress.enabled -}}
{{- range .paths -}}
{{- if and (ne .pathType "ImplementationSpecific") (regexMatch "//|/[.][.]?(/|$)|%2[fF]" .path) -}}
{{- fail (printf "ingress.hosts: expected paths without //, /./, /../ and %%2f, found %s: Kubernetes takes no such Ingress" .path) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) -}}
{{- fail "httpRoute.parentRefs: expected at least one Gateway while httpRoute.enabled, found none" -}}
{{- end -}}
{{- if not .Values.server.enabled -}}
{{- if or (ne .Values.access.mode "none") .Values.tls.enabled .Values.seal.signers .Values.seal.encryption.secretName -}}
{{- fail "server.enabled=false: expected access.mode none, no tls and no seal beside it: only ekiben's own server looks at them, and a foreign one would be open" -}}
{{- end -}}
{{- end -}}
{{- end -}}
