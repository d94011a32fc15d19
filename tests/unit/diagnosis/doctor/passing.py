"""What passes by itself, and what holds but must be warned of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.unit.diagnosis.doctor.chain import (
    FIT,
    NOW,
    STATE,
    Cluster,
    event,
    pod,
    readings,
    scaler,
)
from tests.unit.diagnosis.doctor.changes import (
    SCRAPED,
    WAITING,
    Change,
    both,
    cluster,
    hpa,
    inactive,
    metrics,
    pods,
    throttled,
)

from ekiben.clients.facts.scaling import ScaledObject
from ekiben.clients.objects import Condition

YOUNG: dict[str, Any] = {"created_at": NOW - 20, "started_at": NOW - 19, "ready_since": NOW - 5}
NEW = replace(STATE, since=NOW - 18)
QUIET: dict[str, Change] = {
    "a pod that starts": pods(
        ready=False,
        ready_since=NOW - 20,
        created_at=NOW - 20,
        started_at=NOW - 19,
        states=(replace(NEW, started=False),),
    ),
    "a pod that is being made": pods(
        ready=False,
        ready_since=NOW - 20,
        created_at=NOW - 20,
        started_at=NOW - 19,
        states=(replace(WAITING, waiting="ContainerCreating"),),
    ),
    "a pod that missed one probe": pods(ready=False, ready_since=NOW - 4),
    "a pod that ends": pods(ready=False, ready_since=NOW - 99, ending=True),
    "an evicted pod": cluster(
        pods=(pod("iris-a"), pod("iris-b"), pod("iris-x", phase="Failed", ready=False))
    ),
    "a rollout that has just ended": both(
        cluster(
            pods=(pod("iris-n", **YOUNG, states=(NEW,)),),
            used=(),
            behind=Cluster().behind,
            hpas=(scaler(*inactive("FailedGetResourceMetric")),),
        ),
        metrics(scraped=(), answers={}),
    ),
    "a target that was not scraped yet": both(
        cluster(pods=(pod("iris-a", **YOUNG), pod("iris-b"))),
        metrics(scraped=(replace(SCRAPED[0], health="unknown"), SCRAPED[1])),
    ),
    "warnings of what is over": cluster(
        happened=(
            event("Pod", "iris-a", "Unhealthy"),
            event("HorizontalPodAutoscaler", "iris", "FailedGetResourceMetric"),
            event("Pod", "other-x", "FailedMount"),
            event("Pod", "iris-a", "FailedMount", ago=900.0),
        )
    ),
    "a start that took all its CPU": both(
        cluster(pods=(pod("iris-a", **YOUNG), pod("iris-b"))), throttled(0.9)
    ),
    "an HPA at its minimum": hpa(*FIT[:2], Condition("ScalingLimited", "True", "TooFewReplicas", "")),
}


WARNINGS: dict[str, tuple[str, Change, str, str]] = {
    "maximum": (
        "hpa-maximum",
        hpa(*FIT[:2], Condition("ScalingLimited", "True", "TooManyReplicas", ""), readings=readings(171)),
        "6 is the maximum; CPU use is 171 % of the request",
        "scale.max_replicas",
    ),
    "throttled": (
        "throttling",
        throttled(0.5),
        "1 pod held back by the CPU limit (300m): iris-a in 50% of its periods of 60 s",
        "cpu_limit",
    ),
    "restarted": (
        "start",
        pods(states=(replace(STATE, restarts=1, ended="OOMKilled", ended_at=NOW - 100, exit_code=137),)),
        "iris-a runs again, 1 restart",
        "release.resources.memory",
    ),
    "paused": (
        "keda",
        cluster(objects=(ScaledObject("iris", "iris", "iris", paused=True),)),
        "paused",
        "paused-",
    ),
    "event": (
        "events",
        cluster(happened=(event("Pod", "iris-a", "Evicted", "disk"),)),
        "Pod iris-a: Evicted: disk",
        "events --types=Warning",
    ),
}
