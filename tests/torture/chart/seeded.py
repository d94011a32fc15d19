"""The seeded faults of the chart: one per guarantee at least."""

from __future__ import annotations

import functools

from tests.torture.pod import results
from tests.torture.pod.faults import Fault

FILE = results.ROOT / "docs" / "chart-faults.jsonl"
_Fault = functools.partial(Fault, folder="helm/model-server")
_DEPLOYMENT, _HELPERS, _CHECKS = (
    f"templates/{name}" for name in ("deployment.yaml", "_helpers.tpl", "_checks.tpl")
)


def _in(file: str, *names: str) -> tuple[str, ...]:
    return tuple(f"tests/chart/test_{file}.py::{name}" for name in names)


FAULTS: tuple[Fault, ...] = (
    _Fault(
        "no-drain-told", "the pod drains as long as the chart says", _DEPLOYMENT,
        "value: {{ .Values.drainSeconds | quote }}", 'value: "0"',
        _in("deployment", "test_the_grace_period_covers_the_drain"),
    ),
    _Fault(
        "no-pre-stop", "traffic moves away from a foreign server before it ends", _HELPERS,
        "{{- else if not .Values.server.enabled -}}", "{{- else if false -}}",
        _in("foreign", "test_traffic_moves_away_before_it_is_told_to_end"),
    ),
    _Fault(
        "grace-too-short", "the grace covers drain, longest request and end", _HELPERS,
        "{{- add (mul 2 (int .Values.drainSeconds))", "{{- add (mul 1 (int .Values.drainSeconds))",
        _in("deployment", "test_the_grace_period_covers_the_drain"),
    ),
    _Fault(
        "grace-unchecked", "a grace shorter than the drain is refused", _CHECKS,
        "{{- if and $grace (lt $grace $least) -}}", "{{- if false -}}",
        _in("refusals", "test_what_breaks_a_rollout_is_refused"),
    ),
    _Fault(
        "no-budget", "a drain takes one replica at a time", "templates/pdb.yaml",
        "{{- if .Values.podDisruptionBudget.enabled }}", "{{- if false }}",
        _in("around", "test_a_drain_takes_one_replica_and_is_not_blocked_by_a_sick_one"),
    ),
    _Fault(
        "budget-blocks", "a sick pod does not block the drain of its node", "templates/pdb.yaml",
        "unhealthyPodEvictionPolicy: AlwaysAllow", "unhealthyPodEvictionPolicy: IfHealthyBudget",
        _in("around", "test_a_drain_takes_one_replica_and_is_not_blocked_by_a_sick_one"),
    ),
    _Fault(
        "replicas-under-hpa", "no replicas are rendered under an HPA", _DEPLOYMENT,
        '{{- if not (include "model-server.scaled" .) }}', "{{- if true }}",
        _in("deployment", "test_no_replicas_are_rendered_under_the_autoscaler"),
    ),
    _Fault(
        "replicas-under-keda", "no replicas are rendered under KEDA", _HELPERS,
        "{{- if or .Values.autoscaling.enabled .Values.keda.enabled -}}true",
        "{{- if .Values.autoscaling.enabled -}}true",
        _in("deployment", "test_no_replicas_are_rendered_under_the_autoscaler"),
    ),
    _Fault(
        "two-scalers", "HPA and KEDA never scale together", _CHECKS,
        "{{- if and .Values.autoscaling.enabled .Values.keda.enabled -}}", "{{- if false -}}",
        _in("refusals", "test_what_breaks_a_rollout_is_refused"),
    ),
    _Fault(
        "null-is-zero", "a query without an answer holds the replicas", "templates/scaledobject.yaml",
        'set $own "ignoreNullValues" "false"', 'set $own "ignoreNullValues" "true"',
        _in("demand", "test_no_answer_is_no_demand_of_zero"),
    ),
    _Fault(
        "keda-takes-the-name", "a switch between HPA and KEDA finds no name taken", _HELPERS,
        "{{- if .Values.keda.enabled }}keda-hpa-{{ end }}", "",
        _in("demand", "test_a_switch_between_the_two_finds_no_name_taken"),
    ),
    _Fault(
        "bounds-unchecked", "minReplicas above maxReplicas is refused", _CHECKS,
        "{{- if gt (int $bounds.minReplicas) (int $bounds.maxReplicas) -}}", "{{- if false -}}",
        _in("refusals", "test_what_breaks_a_rollout_is_refused"),
    ),
    _Fault(
        "behavior-cut", "the HPA's behavior is passed through whole", "templates/hpa.yaml",
        "toYaml .Values.autoscaling.behavior", 'toYaml (omit .Values.autoscaling.behavior "scaleUp")',
        _in("around", "test_the_behavior_is_passed_through_whole"),
    ),
    _Fault(
        "probe-port", "probes ask the port that serves", "values.yaml",
        "readinessProbe:\n  httpGet: {path: /readyz, port: http}",
        "readinessProbe:\n  httpGet: {path: /readyz, port: metrics}",
        _in("deployment", "test_ports_and_probes_go_by_name"),
    ),
    _Fault(
        "probe-path", "a replica gets traffic when it is ready, not when it lives", "values.yaml",
        "readinessProbe:\n  httpGet: {path: /readyz,", "readinessProbe:\n  httpGet: {path: /livez,",
        _in("deployment", "test_ports_and_probes_go_by_name"),
    ),
    _Fault(
        "token-mounted", "no token of the API server is in the pods", _DEPLOYMENT,
        "automountServiceAccountToken: false", "automountServiceAccountToken: true",
        _in("deployment", "test_the_pods_are_restricted"),
    ),
    _Fault(
        "root-writable", "the root file system is read-only", "values.yaml",
        "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false",
        _in("deployment", "test_the_pods_are_restricted"),
    ),
    _Fault(
        "capabilities", "all capabilities are dropped", "values.yaml",
        "capabilities: {drop: [ALL]}", "capabilities: {drop: [NET_RAW]}",
        _in("deployment", "test_the_pods_are_restricted"),
    ),
    _Fault(
        "sidecar-unrestricted", "init and sidecar containers are restricted too", _HELPERS,
        'ternary (dict) $context (hasKey . "securityContext")', "ternary (dict) $context true",
        _in("containers", "test_containers_are_restricted_unless_they_say_otherwise"),
    ),
    _Fault(
        "rollout-takes-first", "a rollout never takes a replica away first", _DEPLOYMENT,
        "maxUnavailable: 0", "maxUnavailable: 1",
        _in("deployment", "test_a_rollout_never_takes_a_replica_away_first"),
    ),
    _Fault(
        "selector-with-version", "selectors never change", _HELPERS,
        "app.kubernetes.io/name: {{ .Chart.Name }}\napp.kubernetes.io/instance: {{ .Release.Name | quote }}\n"
        '{{- end -}}\n\n{{- define "model-server.commonLabels" -}}',
        "app.kubernetes.io/name: {{ .Chart.Name }}-{{ .Chart.Version }}\n"
        "app.kubernetes.io/instance: {{ .Release.Name | quote }}\n"
        '{{- end -}}\n\n{{- define "model-server.commonLabels" -}}',
        _in("deployment", "test_a_newer_chart_restarts_nothing"),
    ),
    _Fault(
        "tag-wins", "a digest wins over a tag", _HELPERS,
        "{{- if .Values.image.digest -}}", "{{- if and .Values.image.digest (not .Values.image.tag) -}}",
        _in("deployment", "test_a_digest_wins_over_a_tag"),
    ),
    _Fault(
        "strict-is-lax", "a tag alone is refused where a digest is required", _HELPERS,
        "{{- if .Values.image.requireDigest -}}", "{{- if false -}}",
        _in("refusals", "test_what_breaks_a_rollout_is_refused"),
    ),
    _Fault(
        "network-open", "egress is denied but for names", "templates/networkpolicy.yaml",
        '      {{- include "model-server.selectorLabels" . | nindent 6 }}\n  policyTypes: [Ingress, Egress]',
        '      {{- include "model-server.selectorLabels" . | nindent 6 }}\n  policyTypes: [Ingress]',
        _in("around", "test_the_network_is_denied_but_for_callers_monitoring_and_names"),
    ),
    _Fault(
        "scraped-twice", "each replica is scraped once", "templates/service-headless.yaml",
        "    {{- if .Values.server.grpc }}\n",
        "    - {name: metrics, port: {{ .Values.ports.metrics }}}\n    {{- if .Values.server.grpc }}\n",
        _in("routes", "test_a_headless_service_names_the_ready_replicas"),
    ),
    _Fault(
        "name-unquoted", "a name that YAML misreads stays a name", _DEPLOYMENT,
        "priorityClassName: {{ . | quote }}", "priorityClassName: {{ . }}",
        _in("refusals", "test_a_name_that_yaml_misreads_stays_a_name"),
    ),
    _Fault(
        "unknown-key", "a misspelt value is refused", "values.schema.json",
        '  "type": "object",\n  "additionalProperties": false,\n  "properties": {\n    "model": {',
        '  "type": "object",\n  "properties": {\n    "model": {',
        _in("values", "test_wrong_values_are_refused_by_name"),
    ),
    _Fault(
        "requests-unchecked", "requests above their limits are refused", _CHECKS,
        '{{- include "model-server.checkResources" . -}}', "",
        _in("refusals", "test_what_breaks_a_rollout_is_refused"),
    ),
    _Fault(
        "quantity-unit", "binary and decimal units of quantities are told apart", _CHECKS,
        '"Ki" 1024.0 "Mi" 1048576.0', '"Ki" 1e3 "Mi" 1e6',
        _in("refusals", "test_what_breaks_a_rollout_is_refused"),
    ),
    _Fault(
        "probes-unchecked", "probes that Kubernetes takes of none are refused", _CHECKS,
        '{{- include "model-server.checkProbes" . -}}', "",
        _in("refusals", "test_what_breaks_a_rollout_is_refused"),
    ),
    _Fault(
        "paths-unchecked", "paths that no Ingress takes are refused", _CHECKS,
        'regexMatch "//|/[.][.]?(/|$)|%2[fF]" .path', 'regexMatch "//" .path',
        _in("refusals", "test_what_breaks_a_rollout_is_refused"),
    ),
    _Fault(
        "foreign-believes", "access control is refused where no server enforces it", _CHECKS,
        "{{- if not .Values.server.enabled -}}", "{{- if false -}}",
        _in("refusals", "test_what_breaks_a_rollout_is_refused"),
    ),
    _Fault(
        "role-wildcard", "the deployer's Role lists its verbs", "role.yaml",
        "resources: [pods/log], verbs: [get]", 'resources: [pods/log], verbs: ["*"]',
        _in("plain", "test_the_deployer_has_no_wildcard_and_no_way_up"), folder="k8s/deployer",
    ),
    _Fault(
        "role-short", "the deployer may do all that a release calls", "role.yaml",
        "resources: [events], verbs: [list]", "resources: [events], verbs: [get]",
        _in("plain", "test_the_deployer_may_do_what_ekiben_calls"), folder="k8s/deployer",
    ),
    _Fault(
        "policy-prefix", "only the named registry is admitted", "policy.yaml",
        "variables.registry + '/')\n", "variables.registry)\n",
        _in("plain", "test_the_policy_takes_one_registry_by_digest"), folder="k8s/admission",
    ),
)  # fmt: skip
