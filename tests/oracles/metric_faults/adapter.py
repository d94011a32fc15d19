"""What KEDA's metrics adapter and metrics-server say of a load, in order or with a fault. Pure.

Sources, below https://github.com/kedacore/keda/blob/v2.20.2/pkg: scalers/prometheus_scaler.go (empty, NaN,
infinite), scalers/scaler.go (negative is 0), scaling/scale_handler.go (a scaler that fails is an error).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from tests.oracles.closed_loop.answers import EXTERNAL, RESOURCE, VERSIONS, Moment
from tests.oracles.closed_loop.trace import Json
from tests.oracles.metric_faults.autoscalers import PACE, Subject
from tests.oracles.metric_faults.faults import Fault, Life

_SAMPLE_SECONDS = 1.0  # metrics-server looks every 15 s
_KEDA_PATIENCE_SECONDS = 3 / PACE  # KEDA_HTTP_DEFAULT_TIMEOUT
_SKEW_SECONDS = 3600
_HUGE = 1e9
_RESET = 0.6  # a rate over a window in which a counter began anew, as a share of the true one
End = Literal["answer", "hang", "cut"]


@dataclass(frozen=True, slots=True)
class Reply:
    """What comes of a request.

    Attributes:
        end: An answer, none ever, or a connection that ends.
        status: Of the answer.
        body: Of the answer.
        delay_seconds: Before it.
    """

    end: End
    status: int = 200
    body: Json | None = None
    delay_seconds: float = 0.0


_FAILED = Reply("answer", 500, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 500})


def reply(moment: Moment, life: Life, subject: Subject, group: str) -> Reply:
    """Answer a request for a metric.

    Args:
        moment: When, and the pods that run.
        life: The load, and its faults.
        subject: Whose metric it is.
        group: Of the API.
    """
    fault = life.fault(moment.second)
    if group == EXTERNAL:
        return _external(moment, life, subject, fault)
    return _resource(moment, life, subject, fault)


def in_millis(value: float) -> int:
    """A scaler's value as KEDA hands it on; what is negative is 0."""
    return max(0, round(value * 1000))


def scaled(series: list[float], *, ignores_null: bool) -> float | None:
    """What KEDA's Prometheus scaler makes of an answer's series; None for an error.

    Args:
        series: Values of a vector.
        ignores_null: Setting `ignoreNullValues`.
    """
    if len(series) > 1:
        return None
    if not series or not math.isfinite(series[0]):
        return 0.0 if ignores_null else None
    return series[0]


def _external(moment: Moment, life: Life, subject: Subject, fault: Fault | None) -> Reply:
    kind = fault.kind if fault else ""
    if kind == "demand-hangs":
        return Reply("hang")
    if kind == "demand-cut":
        return Reply("cut")
    if kind == "demand-prometheus-late":
        return Reply("answer", 500, _FAILED.body, _KEDA_PATIENCE_SECONDS)
    if kind in ("demand-500", "both-500", "demand-unknown-name"):
        return _FAILED
    value = scaled(_series(moment, life, kind, fault), ignores_null=subject.ignores_null)
    if value is None:
        return _FAILED
    skew = _SKEW_SECONDS if kind == "demand-skew" else 0
    item = {
        "metricName": "s0-prometheus",
        "metricLabels": None,
        "timestamp": _stamp(moment.clock - skew),
        "value": f"{in_millis(value)}m",
    }
    return Reply("answer", 200, _listed(EXTERNAL, "ExternalMetricValueList", [item]))


def _series(moment: Moment, life: Life, kind: str, fault: Fault | None) -> list[float]:
    """What Prometheus answers."""
    true = round(life.load(moment.second), 3)
    said: dict[str, list[float]] = {
        "demand-empty": [],
        "both-none": [],
        "demand-several-series": [true, true],
        "demand-nan": [math.nan],
        "demand-inf": [math.inf],
        "demand-zero": [0.0],
        "demand-negative": [-true],
        "demand-stale": [round(life.load(fault.begin), 3) if fault else true],
        "demand-counter-reset": [true * _RESET],
        "demand-huge": [_HUGE],
    }
    return said.get(kind, [true])


def _resource(moment: Moment, life: Life, subject: Subject, fault: Fault | None) -> Reply:
    kind = fault.kind if fault else ""
    if kind == "cpu-hangs":
        return Reply("hang")
    if kind in ("cpu-500", "both-500"):
        return _FAILED
    at = math.floor(moment.second / _SAMPLE_SECONDS) * _SAMPLE_SECONDS
    share = min(subject.most_load, life.load(at) / moment.ready)
    skew = _SKEW_SECONDS if kind == "cpu-skew" else 0
    items = []
    for pod in moment.pods:
        missing = kind in ("cpu-none", "both-none") or (kind == "cpu-some" and pod.number % 2 == 0)
        if missing or pod.since_seconds < _SAMPLE_SECONDS / 2:
            continue
        used = 0.0 if kind == "cpu-zero" or not pod.ready else share * subject.cpu_percent / 100
        requested = float(moment.trace.requests["app"]["cpu"])
        usage = {"cpu": f"{math.ceil(used * requested)}m", "memory": "64M"}
        items.append(
            {
                "metadata": {"name": pod.name, "namespace": moment.trace.name},
                "timestamp": _stamp(moment.clock - skew),
                "window": f"{_SAMPLE_SECONDS:g}s",
                "containers": [{"name": "app", "usage": usage}],
            }
        )
    return Reply("answer", 200, _listed(RESOURCE, "PodMetricsList", items))


def _listed(group: str, kind: str, items: list[Json]) -> Json:
    return {"kind": kind, "apiVersion": f"{group}/{VERSIONS[group]}", "metadata": {}, "items": items}


def _stamp(clock: float) -> str:
    return datetime.fromtimestamp(clock, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
