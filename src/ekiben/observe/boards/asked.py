"""PromQL of the panels: about every release, over Grafana's own window.

Source: `$__rate_interval` is at least four scrape intervals,
https://grafana.com/docs/grafana/v11.6/datasources/prometheus/template-variables/.
"""

from __future__ import annotations

from collections.abc import Callable

from ekiben.observe import autoscaling, objectives
from ekiben.observe.indicators import BY, ON, PREDICTING, every
from ekiben.serving import metrics
from ekiben.serving.metrics import Metric

WINDOW = "$__rate_interval"
WHOSE = ("namespace", "release")
_LIMIT = (
    'container_spec_cpu_quota{container!=""} / on (namespace, pod, container) '
    'container_spec_cpu_period{container!=""}'
)


def rate(metric: Metric, *by: str, matchers: tuple[str, ...] = (), suffix: str = "") -> str:
    """Growth per second of a counter, or of a part of a histogram, by labels."""
    series = every(metric.name + suffix, *matchers)
    return f"sum by ({', '.join(by)}) (rate({series}[{WINDOW}]))"


def gauge(metric: Metric, *by: str) -> str:
    """Sum of a gauge by labels."""
    return f"sum by ({', '.join(by)}) ({every(metric.name)})"


def quantile(metric: Metric, share: float, *by: str, matchers: tuple[str, ...] = ()) -> str:
    """A quantile of a histogram by labels, in the histogram's unit."""
    buckets = rate(metric, "le", *by, matchers=matchers, suffix="_bucket")
    return f"histogram_quantile({share:g}, {buckets})"


def latency(share: float, *by: str) -> str:
    """A quantile of the duration of requests for predictions, seconds."""
    return quantile(metrics.REQUEST_DURATION, share, *by, matchers=(PREDICTING,))


def arrivals() -> str:
    """Requests for predictions per second, counted at receipt, by release."""
    return rate(metrics.ARRIVALS, *WHOSE, matchers=(PREDICTING,))


def latency_objective() -> str:
    """The promised latency, seconds, by release."""
    return f"max {BY} ({every(objectives.LATENCY_SECONDS)})"


def cpu_cores(*by: str) -> str:
    """CPU that the pods' processes use, cores, by labels."""
    return f"sum by ({', '.join(by)}) (rate({every('process_cpu_seconds_total')}[{WINDOW}]))"


def memory_bytes() -> str:
    """Memory that counts against the pods' limit, bytes, by pod."""
    used = 'max by (namespace, pod) (container_memory_working_set_bytes{container!=""})'
    return f"{used} {_of_ours()}"


def memory_limit_bytes() -> str:
    """The pods' limit of memory, bytes."""
    limit = 'max by (namespace, pod) (container_spec_memory_limit_bytes{container!=""} > 0)'
    return f"max {BY} ({limit} {_of_ours()})"


def cpu_limit_cores() -> str:
    """CPU limits of all pods, cores, by release."""
    return f"sum {BY} (sum by (namespace, pod) ({_LIMIT}) {_of_ours()})"


def throttled_ratio() -> str:
    """Share of CPU periods in which a pod was throttled, 0-1, by pod."""

    def periods(name: str) -> str:
        return f'sum by (namespace, pod) (rate(container_cpu_cfs_{name}_total{{container!=""}}[{WINDOW}]))'

    return f"{periods('throttled_periods')} / ({periods('periods')} > 0) {_of_ours()}"


def cpu_seconds_per_request() -> str:
    """CPU time of one request for a prediction, seconds, by release; all that the pods do is shared out."""
    return f"{cpu_cores(*WHOSE)} / ({rate(metrics.REQUESTS, *WHOSE)} > 0)"


def capacity() -> str:
    """Requests per second that the pods could answer if they used their CPU limits whole, by release."""
    return f"{cpu_limit_cores()} / {ON} ({cpu_seconds_per_request()} > 0)"


def missing_replicas() -> str:
    """Replicas that are asked for and not ready, by release."""
    return f"clamp_min({autoscaling.desired_replicas()} - {ON} {autoscaling.ready_replicas()}, 0)"


def seconds_short() -> str:
    """Seconds of the last hour in which fewer replicas were ready than asked for, by release."""
    short = f"{autoscaling.desired_replicas()} > bool {ON} {autoscaling.ready_replicas()}"
    return f"3600 * avg_over_time(({short})[1h:1m])"


def computations(error: str) -> str:
    """The controller's computations of metrics per second, of all autoscalers, by type of metric."""
    name = "horizontal_pod_autoscaler_controller_metric_computation_total"
    return f"sum by (metric_type) (rate({name}{{{error}}}[{WINDOW}]))"


def versions_new() -> str:
    """Versions that were not served a minute before, by release."""
    return _new("version", lambda info: info)


def rollouts_new() -> str:
    """ReplicaSets that had no pod a minute before, by release: a rollout, whatever it changed."""
    # A pod is named <replicaset>-<random>.
    return _new(
        "replicaset", lambda info: f'label_replace({info}, "replicaset", "$1", "pod", "(.+)-[a-z0-9]+")'
    )


def _new(label: str, seen: Callable[[str], str]) -> str:
    info = every(metrics.MODEL_INFO.name)
    by = f"group by (namespace, release, {label})"
    return f"{by} ({seen(info)}) unless {by} ({seen(f'{info} offset 1m')})"


def _of_ours() -> str:
    pods = f"group by (namespace, release, pod) ({every(metrics.MODEL_INFO.name)})"
    return f"* on (namespace, pod) group_left (release) {pods}"
