"""What the metrics' APIs say: a trace's load, shared among its pods, in the form of each API. Pure.

Source: https://github.com/kubernetes/metrics/tree/master/pkg/apis
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tests.oracles.closed_loop.trace import Json, Trace

from ekiben.scale.hpa import quantity

RESOURCE, CUSTOM, EXTERNAL = "metrics.k8s.io", "custom.metrics.k8s.io", "external.metrics.k8s.io"
VERSIONS = {RESOURCE: "v1beta1", CUSTOM: "v1beta2", EXTERNAL: "v1beta1"}
_SAMPLE_SECONDS = 2  # a sample's distance from the next, and its window
_FIRST_SAMPLE_SECONDS = 1.0  # a pod that has run for less has none
_BURN = 1.5  # CPU of a pod that starts, as a share of its request
_APP_SHARE = 0.8  # of a pod's use, where it has a second container
_SERIES = 2  # of an external metric


@dataclass(frozen=True, slots=True)
class Running:
    """A pod that runs.

    Attributes:
        name: Its name.
        number: Of the trace's pods, in the order of their creation.
        ready: It takes load.
        since_seconds: How long it has run.
    """

    name: str
    number: int
    ready: bool
    since_seconds: float


@dataclass(frozen=True, slots=True)
class Moment:
    """A trace at one time.

    Attributes:
        trace: Which.
        levels: Its loads by metric, second by second.
        seed: Of its chance.
        second: Since its beginning; its namespace has its name.
        seconds: How long it lasts.
        clock: Seconds since the epoch.
        pods: That run.
    """

    trace: Trace
    levels: Sequence[Sequence[float]]
    seed: int
    second: float
    seconds: int
    clock: float
    pods: Sequence[Running]

    @property
    def ready(self) -> int:
        """Pods that share the load, at least 1."""
        return max(1, sum(each.ready for each in self.pods))

    def chance(self, *of: object) -> random.Random:
        """The same for the same sample."""
        sample = int(self.second // _SAMPLE_SECONDS)
        return random.Random(f"{self.seed} {self.trace.name} {sample} {of}")  # noqa: S311  # no secret

    def level(self, metric: int) -> float:
        """Load in replicas."""
        levels = self.levels[metric]
        found = levels[min(len(levels) - 1, max(0, int(self.second)))]
        return found * self.ready if self.trace.shape == "edges" else found


def answer(moment: Moment, group: str, path: str) -> tuple[int, Json]:
    """Status and body for a request.

    Args:
        moment: Of the trace whose namespace was asked for.
        group: Of the API.
        path: What comes after the namespace.
    """
    metric = _asked(moment.trace, group, path)
    outage = _outage(moment, metric)
    if outage in ("404", "500"):
        return int(outage), {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": int(outage)}
    kind = {RESOURCE: "PodMetricsList", CUSTOM: "MetricValueList", EXTERNAL: "ExternalMetricValueList"}[group]
    items = [] if outage == "empty" else _ITEMS[group](moment, metric)
    return 200, {"kind": kind, "apiVersion": f"{group}/{VERSIONS[group]}", "metadata": {}, "items": items}


def _asked(trace: Trace, group: str, path: str) -> int:
    """Place of the metric that a request is about."""
    parts = path.split("/")
    for place, entry in enumerate(trace.metrics):
        kind = entry["type"]
        if group == RESOURCE and kind.endswith("Resource"):
            return place
        if group == CUSTOM and kind == ("Pods" if parts[0] == "pods" else "Object"):
            return place
        if group == EXTERNAL and kind == "External" and entry["external"]["metric"]["name"] == parts[0]:
            return place
    raise ValueError(f"expected a request for a metric of {trace.name}, found {group} {path}")


def _outage(moment: Moment, metric: int) -> str:
    share = moment.second / moment.seconds
    return next(
        (
            each.kind
            for each in moment.trace.silences
            if each.metric == metric and each.begin <= share < each.end
        ),
        "",
    )


def block(entry: Mapping[str, Any]) -> Json:
    """The part of a metric's entry that its type names."""
    kind = entry["type"]
    found: Json = entry[kind[0].lower() + kind[1:]]
    return found


def _at(moment: Moment) -> str:
    sample = moment.clock // _SAMPLE_SECONDS * _SAMPLE_SECONDS
    return datetime.fromtimestamp(sample, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _measured(moment: Moment) -> list[Running]:
    quiet = moment.trace.quiet
    return [
        each
        for each in moment.pods
        if each.since_seconds >= _FIRST_SAMPLE_SECONDS and moment.chance(each.number).random() >= quiet
    ]


def _share(moment: Moment, metric: int, pod: Running) -> float:
    """A pod's load as a share of what is on target; pods differ by a tenth."""
    if not pod.ready:
        return 0.0
    uneven = 1.0
    if moment.trace.shape != "edges":
        uneven = random.Random(f"{moment.seed} {pod.number}").uniform(0.9, 1.1)  # noqa: S311  # no secret
    return moment.level(metric) / moment.ready * uneven


def _used(moment: Moment, metric: int, pod: Running, resource: str, container: str) -> int:
    """A container's use of a resource, thousandths."""
    requested = float(moment.trace.requests[container][resource])
    entry = moment.trace.metrics[metric]
    asked, target = block(entry), block(entry)["target"]
    if resource == "cpu" and not pod.ready:
        return round(requested * _BURN)
    if asked["name"] != resource:
        return round(requested / 2)
    share = _share(moment, metric, pod)
    if target["type"] == "Utilization":
        return round(share * requested * float(target["averageUtilization"]) / 100)
    whole = share * quantity.milli(target["averageValue"])
    several = len(moment.trace.requests) > 1
    return round(whole * (1 if not several else _APP_SHARE if container == "app" else 1 - _APP_SHARE))


def _pod_metrics(moment: Moment, metric: int) -> list[Json]:
    return [
        {
            "metadata": {"name": pod.name, "namespace": moment.trace.name},
            "timestamp": _at(moment),
            "window": f"{_SAMPLE_SECONDS}s",
            "containers": [
                {
                    "name": container,
                    "usage": {
                        resource: f"{_used(moment, metric, pod, resource, container)}m"
                        for resource in ("cpu", "memory")
                    },
                }
                for container in moment.trace.requests
            ],
        }
        for pod in _measured(moment)
    ]


def _custom(moment: Moment, metric: int) -> list[Json]:
    entry = moment.trace.metrics[metric]
    asked = block(entry)
    named = {"metric": {"name": asked["metric"]["name"]}, "timestamp": _at(moment)}
    if entry["type"] == "Object":
        described = asked["describedObject"] | {"namespace": moment.trace.name}
        return [named | {"describedObject": described, "value": f"{_total(moment, metric)}m"}]
    target = quantity.milli(asked["target"]["averageValue"])
    return [
        named
        | {
            "describedObject": {
                "apiVersion": "/v1",
                "kind": "Pod",
                "namespace": moment.trace.name,
                "name": pod.name,
            },
            "windowSeconds": _SAMPLE_SECONDS,
            "value": f"{round(_share(moment, metric, pod) * target)}m",
        }
        for pod in _measured(moment)
    ]


def _total(moment: Moment, metric: int) -> int:
    """A metric of no pod, thousandths; a `Value` is one that more replicas make smaller."""
    target = block(moment.trace.metrics[metric])["target"]
    if target["type"] == "Value":
        return round(moment.level(metric) / moment.ready * quantity.milli(target["value"]))
    return round(moment.level(metric) * quantity.milli(target["averageValue"]))


def _external(moment: Moment, metric: int) -> list[Json]:
    total = _total(moment, metric)
    first = total // _SERIES
    name = block(moment.trace.metrics[metric])["metric"]["name"]
    return [
        {
            "metricName": name,
            "metricLabels": {"of": str(place)},
            "timestamp": _at(moment),
            "value": f"{part}m",
        }
        for place, part in enumerate((first, total - first))
    ]


_ITEMS = {RESOURCE: _pod_metrics, CUSTOM: _custom, EXTERNAL: _external}
