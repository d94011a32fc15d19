"""Series that rules and dashboards read of other programs: whose they are, and where that is said."""

from __future__ import annotations

from dataclasses import dataclass

_CADVISOR = "https://github.com/google/cadvisor/blob/master/docs/storage/prometheus.md"
_CONTROLLER = (
    "https://github.com/kubernetes/kubernetes/blob/v1.35.4/pkg/controller/podautoscaler/monitor/metrics.go"
)
_KUBE = "https://github.com/kubernetes/kube-state-metrics/blob/main/docs/metrics/workload"


@dataclass(frozen=True, slots=True)
class Foreign:
    """One series of another program.

    Attributes:
        name: As scraped.
        owner: The program.
        source: Page that declares it.
        labels: Those that are read here.
    """

    name: str
    owner: str
    source: str
    labels: tuple[str, ...] = ()


FOREIGN: tuple[Foreign, ...] = (
    Foreign(
        "up",
        "Prometheus",
        "https://prometheus.io/docs/concepts/jobs_instances/",
        ("namespace", "pod", "release"),
    ),
    Foreign(
        "ALERTS",
        "Prometheus",
        "https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/#inspecting-alerts-during-runtime",
        ("namespace", "release", "alertname", "alertstate"),
    ),
    *(
        Foreign(
            f"process_{name}",
            "prometheus_client, in the pods",
            "https://prometheus.github.io/client_python/collector/",
            ("namespace", "pod", "release"),
        )
        for name in ("cpu_seconds_total", "resident_memory_bytes")
    ),
    *(
        Foreign(f"container_{name}", "the kubelet's cAdvisor", _CADVISOR, ("namespace", "pod", "container"))
        for name in (
            "cpu_cfs_periods_total",
            "cpu_cfs_throttled_periods_total",
            "cpu_usage_seconds_total",
            "memory_working_set_bytes",
            "spec_cpu_period",
            "spec_cpu_quota",
            "spec_memory_limit_bytes",
            "start_time_seconds",
        )
    ),
    Foreign(
        "horizontal_pod_autoscaler_controller_desired_replicas",
        "kube-controller-manager",
        _CONTROLLER,
        ("namespace", "exported_namespace", "hpa_name"),
    ),
    Foreign(
        "horizontal_pod_autoscaler_controller_metric_computation_total",
        "kube-controller-manager",
        _CONTROLLER,
        ("error", "metric_type"),
    ),
    Foreign(
        "horizontal_pod_autoscaler_controller_num_horizontal_pod_autoscalers",
        "kube-controller-manager",
        _CONTROLLER,
    ),
    Foreign(
        "kube_horizontalpodautoscaler_status_condition",
        "kube-state-metrics",
        f"{_KUBE}/horizontalpodautoscaler-metrics.md",
        ("namespace", "horizontalpodautoscaler", "condition", "status"),
    ),
    Foreign(
        "kube_horizontalpodautoscaler_status_desired_replicas",
        "kube-state-metrics",
        f"{_KUBE}/horizontalpodautoscaler-metrics.md",
        ("namespace", "horizontalpodautoscaler"),
    ),
    Foreign(
        "kube_pod_container_status_restarts_total",
        "kube-state-metrics",
        f"{_KUBE}/pod-metrics.md",
        ("namespace", "pod", "container"),
    ),
)
