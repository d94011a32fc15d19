"""What lies between more load and a replica that takes its share: constants of the cluster, by signal."""

from __future__ import annotations

from collections.abc import Mapping

from ekiben.scale.plan.formulas import Signal
from ekiben.scale.plan.quantity import Quantity

_HPA = "https://kubernetes.io/docs/concepts/workloads/autoscaling/horizontal-pod-autoscale/"
_METRICS_SERVER = "metrics-server's --metric-resolution, https://github.com/kubernetes-sigs/metrics-server"
_RULES = "ekiben.observe.demand: what the recording rules are made for"

# Name: what it is, then value (seconds) and source for `cpu` and for `demand`.
_TERMS: Mapping[str, tuple[str, tuple[float, str], tuple[float, str]]] = {
    "scrape_seconds": ("from an event to its sample", (15, _METRICS_SERVER), (5, _RULES)),
    "window_seconds": ("over which a rate is taken", (15, _METRICS_SERVER), (20, _RULES)),
    "rule_seconds": ("from a sample to the recorded series", (0, "no rule is between"), (5, _RULES)),
    "adapter_seconds": (
        "from a series to the HPA's question",
        (0, "the HPA asks metrics-server itself"),
        (1, "KEDA asks Prometheus when the HPA asks KEDA"),
    ),
    "sync_seconds": ("between two decisions of the HPA", (15, _HPA), (15, _HPA)),
    "schedule_seconds": (
        "from a decision to a container that starts",
        (2, "API server, scheduler and kubelet; an allowance"),
        (2, "API server, scheduler and kubelet; an allowance"),
    ),
    "probe_seconds": (
        "from ready to the probe that sees it",
        (1, "startupProbe.periodSeconds of the chart"),
        (1, "startupProbe.periodSeconds of the chart"),
    ),
    "endpoint_seconds": (
        "from ready to traffic",
        (1, "EndpointSlice and kube-proxy; an allowance"),
        (1, "EndpointSlice and kube-proxy; an allowance"),
    ),
    "startup_period_seconds": (
        "between two startup probes",
        (1, "startupProbe.periodSeconds of the chart"),
        (1, "startupProbe.periodSeconds of the chart"),
    ),
}


def lag_terms(signal: Signal) -> dict[str, Quantity]:
    """Terms of the lag that are not measured, seconds.

    Args:
        signal: What the autoscaler reads.
    """
    found = {}
    for name, (meaning, cpu, demand) in _TERMS.items():
        value, source = demand if signal == "demand" else cpu
        found[name] = Quantity(value=value, unit="s", kind="constant", meaning=meaning, source=source)
    return found
