"""The faults: what is done to a release, which alert must fire, and when the fault is there."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.torture.alerts import calling
from tests.torture.alerts.calling import Stream
from tests.torture.alerts.programs import COMMAND
from tests.torture.alerts.release import NAME, Release

MINUTE, DAY = 60, 86_400
Act = Callable[[Release], None]
There = Callable[[Release], bool]
Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """One of them.

    Attributes:
        name: Short and fixed; results carry it.
        action: What is done.
        alert: That must fire, and no other; empty: none may.
        severity: Of it.
        inject: Makes the fault.
        there: Whether it is there, by another way than the alert's.
        window: Its (short) window in service, seconds; 0 for none.
        hold: Its `for` in service, seconds; 0 for none.
        values: Of the chart.
        streams: Requests before and after.
        alone: It is the whole cluster's, or its alert looks at all autoscalers at once.
        keys: Callers need a key.
        undo: What goes on after the namespace.
    """

    name: str
    action: str
    alert: str
    severity: str
    inject: Act
    there: There = lambda _release: True
    window: int = 0
    hold: int = 0
    values: Values = field(default_factory=dict)
    streams: tuple[Stream, ...] = (calling.good(),)
    alone: bool = False
    keys: bool = False
    undo: Act = lambda _release: None


def _sick(name: str, *streams: Stream) -> Act:
    """The model goes wrong in a way of `programs`, and callers send what it goes wrong at."""

    def act(release: Release) -> None:
        release.touch(name)
        _more(*streams)(release)

    return act


def _more(*streams: Stream) -> Act:
    def act(release: Release) -> None:
        for each in streams:
            release.callers.add(each)

    return act


def _seen(*statuses: int) -> There:
    return lambda release: sum(release.callers.statuses[each] for each in statuses) > 0


def _patch(spec: Mapping[str, Any]) -> Act:
    def act(release: Release) -> None:
        release.kubectl("patch", "deployment", NAME, "--patch", json.dumps({"spec": spec}))

    return act


def _container(**fields: Any) -> dict[str, Any]:
    return {"template": {"spec": {"containers": [{"name": "model-server", **fields}]}}}


def _skew(release: Release) -> None:
    """The new pod gets ready, but never counts as available: the rollout stands still."""
    still = {"minReadySeconds": 600, "progressDeadlineSeconds": 700}  # the API server wants the second larger
    _patch({**still, **_container(image=release.other.reference)})(release)


def _key_soon(release: Release) -> None:
    release.project.ekiben("key", "create", "iris", "soon", "--expires", "1d")


def _unscraped(release: Release) -> None:
    release.kubectl("annotate", "pods", "--all", "--overwrite", "prometheus.io/scrape=false")


def _scaled_away(release: Release) -> None:
    release.kubectl("scale", "deployment", NAME, "--replicas=0")


def _metrics_server(replicas: int) -> Act:
    def act(release: Release) -> None:
        release.rig.kubectl(
            "-n", "kube-system", "scale", "deployment", "metrics-server", f"--replicas={replicas}"
        )

    return act


def _expires_soon(release: Release) -> bool:
    left = release.scraped("access_next_key_expiry_timestamp_seconds") - time.time()
    return 0 < left < 14 * DAY


SICK: Values = {"command": COMMAND}
_LATE: Values = {
    **SICK,
    "requestTimeoutSeconds": 1,
    "env": {"EKIBEN_INLINE_ROWS": "0"},  # off the event loop, or nobody would see the time pass
    "server": {"objectiveSeconds": [2.5]},  # those that come in time keep it
}
_BUSY: Values = {"autoscaling": {"maxReplicas": 2, "targetCPUUtilizationPercentage": 20}}
_NARROW: Values = {
    "autoscaling": {"enabled": False},
    "replicaCount": 1,
    "resources": {"requests": {"cpu": "100m"}, "limits": {"cpu": "200m"}},
}

FAULTS: tuple[Fault, ...] = (
    Fault("failing", "the model raises at a third of the requests (500)", "EkibenAvailabilityBudgetBurn",
          "page", _sick("raises", calling.marked(2)), _seen(500), window=5 * MINUTE, values=SICK),
    Fault("late", "a tenth of the answers are not there in time (504)", "EkibenAvailabilityBudgetBurn",
          "page", _sick("late", calling.marked(0.4)), _seen(504), window=5 * MINUTE, values=_LATE),
    Fault("slow", "over a quarter of the requests take 1.2 s, the objective is 1 s",
          "EkibenLatencyBudgetBurn", "page", _sick("slow", calling.marked(0.4)), window=5 * MINUTE,
          values=SICK, streams=(calling.good(1),)),
    Fault("rejected", "a fifth of the rows do not fit the schema (422)", "EkibenRowsRejected", "ticket",
          _more(calling.unfit(1)), _seen(422), window=15 * MINUTE, hold=5 * MINUTE),
    Fault("skew", "a rollout to another version stands still, both versions ready", "EkibenVersionSkew",
          "ticket", _skew, lambda release: len(set(release.images())) > 1, hold=30 * MINUTE),
    Fault("score", "the model answers one class to everything", "EkibenScoreBelowFloor", "page",
          _sick("wrong"), lambda release: release.scraped("model_recheck_score", metric="accuracy")
          < release.scraped("model_recheck_expected_score", metric="accuracy"), hold=5 * MINUTE, values=SICK),
    Fault("recheck", "the model raises at many rows at once, which no caller sends", "EkibenRecheckFailing",
          "ticket", _sick("many"),
          lambda release: release.scraped("model_rechecks_total", outcome="failed") > 0,
          window=15 * MINUTE, values=SICK),
    Fault("key", "an API key gets a day to live", "EkibenKeyExpiring", "ticket", _key_soon, _expires_soon,
          values={"access": {"mode": "required"}}, keys=True),
    Fault("maximum", "load that two replicas carry, of two that it may have", "EkibenAutoscalerAtMaximum",
          "ticket", _more(calling.heavy(10)), lambda release: release.hpa().get("desiredReplicas") == 2,
          hold=15 * MINUTE, values=_BUSY),
    Fault("inactive", "metrics-server is gone", "EkibenScalingInactive", "ticket", _metrics_server(0),
          lambda release: release.scaling_active() == "False", window=5 * MINUTE, hold=10 * MINUTE,
          alone=True, undo=_metrics_server(1)),
    Fault("restarts", "one of two pods ends 25 s after each of its starts", "EkibenRestartLoop", "page",
          lambda release: release.touch("dies", 1), lambda release: release.restarts() >= 3,
          window=15 * MINUTE, values={**SICK, "autoscaling": {"minReplicas": 2}},
          streams=()),  # a request that meets a start is refused: at so few, that burns the budget
    Fault("throttled", "requests of many rows under a CPU limit of 200m", "EkibenCPUThrottled", "ticket",
          _more(calling.heavy(4, 8_000)), lambda release: release.throttled_ratio() > 1 / 3,
          window=15 * MINUTE, hold=15 * MINUTE, values=_NARROW),
    Fault("unscraped", "pods lose the annotation that they are scraped by", "EkibenMetricsAbsent", "page",
          _unscraped, lambda release: release.targets() == 0, hold=5 * MINUTE),
    Fault("gone", "the Deployment is scaled to none", "EkibenMetricsAbsent", "page",
          _scaled_away, lambda release: not release.project.pods(),
          hold=5 * MINUTE),
    Fault("objective", "pods have no bucket that ends on the objective of 0.9 s", "EkibenObjectiveMissing",
          "ticket", _patch(_container(env=[{"name": "EKIBEN_OBJECTIVE_SECONDS", "value": "0.8"}])),
          lambda release: not release.scraped("http_server_request_duration_seconds_bucket", le="0.9")
          and len(release.project.pods()) == 1,
          window=5 * MINUTE, hold=15 * MINUTE, values={"server": {"objectiveSeconds": [0.9]}}),
    Fault("few", "15 requests within a minute, and all of them fail (500)", "", "",
          _sick("raises", calling.marked(2, most=15)), _seen(500), window=5 * MINUTE, values=SICK,
          streams=()),
    Fault("none", "nothing", "", "", lambda _release: None, window=15 * MINUTE, hold=15 * MINUTE),
)  # fmt: skip
BY_NAME = {each.name: each for each in FAULTS}
