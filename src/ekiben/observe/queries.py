"""All PromQL of ekiben: pure functions from a release to the text of a query.

Names come from the metrics contract. Two rules hold for every query: where there is no data
the result is empty, never 0 and never NaN; and where there is data but no error, the error
ratio is 0, not empty.

Source: `rate` before `sum`, so that a counter's reset is seen per pod,
https://prometheus.io/docs/prometheus/latest/querying/functions/#rate.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from ekiben.errors import ConfigError
from ekiben.serving import metrics

PREDICT_ROUTE = "/predict"  # probes and scrapes of other routes are not the users' requests
# 5xx, and 499: the client went away before its answer, as one does that has waited too long.
ERROR_STATUSES = "5..|499"
_LABEL = re.compile(r"^[a-zA-Z_][a-zA-Z0-9_]*$")
# cAdvisor's own series (https://github.com/google/cadvisor/blob/master/docs/storage/prometheus.md).
_CONTAINER_CPU = "container_cpu_usage_seconds_total"
_CONTAINER_PERIODS = "container_cpu_cfs_periods_total"
_CONTAINER_THROTTLED = "container_cpu_cfs_throttled_periods_total"


@dataclass(frozen=True, slots=True)
class Scope:
    """Which series are meant.

    Attributes:
        namespace: Namespace of the release.
        release: Name of the Helm release (the pods' label app.kubernetes.io/instance).
        route: Route template of the requests.
        window_seconds: Window of rates and quantiles, whole seconds; at least four scrape
            intervals, so that one lost scrape leaves a rate.

    Raises:
        ConfigError: The window is not 1 s or more.
    """

    namespace: str
    release: str
    route: str = PREDICT_ROUTE
    window_seconds: int = 60

    def __post_init__(self) -> None:
        if self.window_seconds < 1:
            raise ConfigError(f"expected a window of at least 1 s, found {self.window_seconds!r}")


def quoted(value: str) -> str:
    """Write a text as a PromQL string literal.

    Source: https://prometheus.io/docs/prometheus/latest/querying/basics/#string-literals
    """
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def selector(name: str, **labels: str) -> str:
    """Write a series selector with equal labels.

    Raises:
        ConfigError: A label's name is none.
    """
    for label in labels:
        if _LABEL.match(label) is None:
            raise ConfigError(f"expected a label name, found {label!r}")
    return f"{name}{{{','.join(f'{label}={quoted(value)}' for label, value in labels.items())}}}"


def request_rate(scope: Scope) -> str:
    """Answered requests per second."""
    return f"sum({_rate(_requests(scope), scope)})"


def arrivals_rate(scope: Scope) -> str:
    """Requests per second, counted at receipt: the demand, also while answers are late."""
    return f"sum({_rate(_routed(metrics.ARRIVALS.name, scope), scope)})"


def predictions_rate(scope: Scope) -> str:
    """Rows predicted per second."""
    return f"sum({_rate(_released(metrics.PREDICTIONS.name, scope), scope)})"


def error_ratio(scope: Scope) -> str:
    """Share of requests that failed (5xx, or the client had gone), 0-1; empty without requests."""
    every = request_rate(scope)
    failed = _requests(scope).removesuffix("}") + f",{metrics.STATUS}=~{quoted(ERROR_STATUSES)}}}"
    return f"(sum({_rate(failed, scope)}) or 0 * {every}) / ({every} > 0)"


def latency_quantile(scope: Scope, share: float) -> str:
    """A quantile of the request duration, seconds; empty without requests.

    Args:
        scope: Which requests.
        share: 0 < share < 1.

    Raises:
        ConfigError: `share` is out of bounds.
    """
    if not (math.isfinite(share) and 0 < share < 1):
        raise ConfigError(f"expected a quantile between 0 and 1, found {share!r}")
    buckets = _routed(f"{metrics.REQUEST_DURATION.name}_bucket", scope)
    # Without requests histogram_quantile gives NaN; no comparison with NaN holds, so nothing is left.
    return f"histogram_quantile({share:g}, sum by (le) ({_rate(buckets, scope)})) >= 0"


def in_progress(scope: Scope) -> str:
    """Requests being handled now, over all replicas."""
    return f"sum({_routed(metrics.IN_PROGRESS.name, scope)})"


def request_rate_per_pod(scope: Scope) -> str:
    """Answered requests per second, by pod."""
    return f"sum by (pod) ({_rate(_requests(scope), scope)})"


def cpu_per_pod(scope: Scope) -> str:
    """CPU use by pod, cores: cAdvisor's counters, for the pods that say they are of the release."""
    # container!="" leaves out the pod's own cgroup, which holds its containers a second time.
    used = f'{_CONTAINER_CPU}{{namespace={quoted(scope.namespace)},container!=""}}'
    ours = _released(metrics.MODEL_INFO.name, scope)
    return (
        f"sum by (namespace, pod) ({_rate(used, scope)})"
        f" and on (namespace, pod) group by (namespace, pod) ({ours})"
    )


def throttled_ratio(scope: Scope) -> str:
    """Share of CPU periods in which a pod was held back by its CPU limit, 0-1, by pod."""

    def periods(name: str) -> str:
        series = f'{name}{{namespace={quoted(scope.namespace)},container!=""}}'
        return f"sum by (namespace, pod) ({_rate(series, scope)})"

    ours = _released(metrics.MODEL_INFO.name, scope)
    return (
        f"{periods(_CONTAINER_THROTTLED)} / ({periods(_CONTAINER_PERIODS)} > 0)"
        f" and on (namespace, pod) group by (namespace, pod) ({ours})"
    )


def serving_replicas(scope: Scope) -> str:
    """Pods of the release that Prometheus scrapes now, by model version."""
    up = _released("up", scope)
    info = _released(metrics.MODEL_INFO.name, scope)
    return f"count by (version) ({info} and on (namespace, pod) ({up} == 1))"


def _released(name: str, scope: Scope) -> str:
    return selector(name, namespace=scope.namespace, release=scope.release)


def _routed(name: str, scope: Scope) -> str:
    return selector(name, namespace=scope.namespace, release=scope.release, **{metrics.ROUTE: scope.route})


def _requests(scope: Scope) -> str:
    return _routed(f"{metrics.REQUEST_DURATION.name}_count", scope)


def _rate(series: str, scope: Scope) -> str:
    return f"rate({series}[{scope.window_seconds}s])"
