"""`why`: each cause by its name, and the one sentence with its numbers (reckoned here by hand)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.diagnosis.doctor.chain import (
    ADDRESS,
    CONTAINER,
    FIT,
    LABELS,
    NOW,
    SPEC,
    Cluster,
    Metrics,
    event,
    model,
    pod,
    readings,
    scaler,
)

from ekiben.clients.facts.scaling import PodUsage, ScaledObject
from ekiben.clients.facts.workload import Deployment
from ekiben.clients.objects import Condition
from ekiben.diagnosis.why import table, walk
from ekiben.diagnosis.why.answer import Why
from ekiben.errors import ClusterError

ACTIVE = FIT[1]
LIMITED = {
    reason: Condition("ScalingLimited", "True", reason, "")
    for reason in ("TooManyReplicas", "TooFewReplicas", "ScaleUpLimit", "ScaleDownLimit")
}
ABLE = {
    reason: Condition("AbleToScale", "True", reason, "")
    for reason in ("SucceededRescale", "ScaleDownStabilized", "ScaleUpStabilized", "ReadyForNewScale")
}
BEHAVIOR = {
    "scaleUp": {"policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}]},
    "scaleDown": {"stabilizationWindowSeconds": 60},
}


def deployment(wanted: int = 2, **fields: Any) -> Deployment:
    found = Deployment("iris", LABELS, LABELS, {}, (CONTAINER,), wanted, wanted, wanted, wanted)
    return replace(found, **fields)


def pods(number: int) -> dict[str, Any]:
    """So many pods that are ready, with readings."""
    names = [f"iris-{letter}" for letter in "abcdefgh"[:number]]
    used = tuple(PodUsage(name, NOW - 10, 15, {"model-server": {"cpu": "66m"}}) for name in names)
    return {"pods": tuple(map(pod, names)), "deployed": deployment(number), "used": used}


def ask(metrics: Metrics | None = None, **fields: Any) -> Why:
    return walk.why(
        model(),
        ADDRESS,
        namespace="models",
        cluster=Cluster(**fields),
        prometheus=metrics or Metrics(),
        now=lambda: NOW,
    )


def hpa(*conditions: Condition, percent: int = 55, **fields: Any) -> dict[str, Any]:
    spec = {**SPEC, "behavior": BEHAVIOR}
    return {"hpas": (scaler(*conditions, **({"readings": readings(percent), "spec": spec} | fields)),)}


def test_the_change_itself() -> None:
    """Just rescaled: the figures are those of before, with their time; ceil(1 x 171/60) = ceil(2.85) = 3."""
    found = ask(
        deployed=deployment(3, total=1),
        pods=(pod("iris-a"),),
        **hpa(ABLE["SucceededRescale"], ACTIVE, percent=171, current=1, desired=3, rescaled_at=1800.0),
    )
    assert found.cause == "metric"
    assert found.sentence == (
        "3 replicas (1 ready), because CPU use was 171 % of the request at 00:30:00 UTC with a target of "
        "60 %: ceil(1 x 171/60) = 3; the minimum is 2, the maximum 6."
    )


def test_pods_that_came_since_are_not_counted_into_the_change() -> None:
    """One pod used 171 %: the three that are ready now had no part in it."""
    conditions = (ABLE["SucceededRescale"], ACTIVE)
    found = ask(**pods(3), **hpa(*conditions, percent=171, current=1, desired=3, rescaled_at=1800.0))
    assert "ceil(1 x 171/60) = 3" in found.sentence


def test_within_the_tolerance() -> None:
    """55/60 = 0.917 is less than 10 % away from 1."""
    found = ask(**pods(3), **hpa(current=3, desired=3))
    assert found.cause == "tolerance"
    assert found.sentence == (
        "3 replicas, because CPU use is 55 % of the request with a target of 60 %: 55/60 = 0.92 is within "
        "the tolerance of 10 %, so nothing changes; the minimum is 2, the maximum 6."
    )


@pytest.mark.parametrize(
    ("number", "percent", "condition", "cause", "said"),
    [
        (2, 3, "TooFewReplicas", "minimum", "2 is the minimum: {}, ceil(2 x 3/60) = 1 would do"),
        (6, 171, "TooManyReplicas", "maximum", "6 is the maximum: {}, ceil(6 x 171/60) = 18 would be wanted"),
        (
            2,
            171,
            "ScaleUpLimit",
            "policy",
            "policy allows 100 % in 15 s (Max): {}, ceil(2 x 171/60) = 6 is",
        ),
        (
            4,
            15,
            "ScaleDownLimit",
            "policy",
            "policy allows 100 % in 15 s (Max): {}, ceil(4 x 15/60) = 1",
        ),
    ],
)
def test_limits(number: int, percent: int, condition: str, cause: str, said: str) -> None:
    """Minimum, maximum and policies hold what the figures ask for."""
    conditions = (FIT[0], ACTIVE, LIMITED[condition])
    found = ask(**pods(number), **hpa(*conditions, percent=percent, current=number, desired=number))
    assert found.cause == cause
    seen = f"CPU use is {percent} % of the request with a target of 60 %"
    assert said.format(seen) in found.sentence


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (
            "ScaleDownStabilized",
            "keeps the most that it wanted in the last 60 s (stabilization window)",
        ),
        ("ScaleUpStabilized", "the HPA keeps the fewest that it wanted in the last 0 s"),
    ],
)
def test_windows(reason: str, said: str) -> None:
    """What was wanted before holds: its length, and what would do now: ceil(4 x 15/60) = 1."""
    found = ask(**pods(4), **hpa(ABLE[reason], ACTIVE, FIT[2], percent=15, current=4, desired=4))
    assert found.cause == "window"
    assert said in found.sentence
    assert "ceil(4 x 15/60) = 1 would do" in found.sentence


def test_an_hpa_without_behavior_has_the_controllers_window() -> None:
    """300 s is the controller's default."""
    found = ask(**pods(4), **hpa(ABLE["ScaleDownStabilized"], ACTIVE, FIT[2], percent=15, spec=SPEC))
    assert "in the last 300 s" in found.sentence


def test_the_figures_alone() -> None:
    """At 60 % of 60 the ratio is 1; at 45 %, ceil(4 x 45/60) = 3 with 3 wanted already."""
    found = ask(**{**pods(4), "deployed": deployment(3)}, **hpa(percent=45, current=4, desired=3))
    assert found.cause == "metric"
    assert "ceil(4 x 45/60) = 3" in found.sentence


def test_what_the_hpa_has_not_acted_on() -> None:
    """ceil(3 x 90/60) = 5 are asked for, 3 are there: its next look will tell."""
    found = ask(**pods(3), **hpa(percent=90, current=3, desired=3))
    assert found.cause == "soon"
    assert "ceil(3 x 90/60) = 5" in found.sentence


def test_the_last_change_is_told_with_its_figures() -> None:
    """From events: when, from how many, why; from Prometheus: 0.12 cores of a request of 0.12 are 100 %."""
    happened = (
        event(
            "HorizontalPodAutoscaler",
            "iris",
            "SuccessfulRescale",
            "New size: 3; reason: cpu above target",
            ago=600.0,
            warning=False,
        ),
        event("Deployment", "iris", "ScalingReplicaSet", "Scaled up iris-x from 1 to 3", ago=599.0),
    )
    found = ask(**pods(3), **hpa(current=3, desired=3), happened=happened)
    assert found.change is not None
    assert (found.change.before, found.change.after) == (1, 3)
    assert found.change.percent == pytest.approx(100)
    assert found.sentence.endswith(
        "; since 07:50:00 UTC, when 1 became 3 (cpu above target, CPU use was about 100 % of the request)."
    )
    blind = ask(Metrics(answers={}), **pods(3), **hpa(current=3, desired=3), happened=happened)
    assert blind.change is not None
    assert blind.change.percent is None


def test_bounds_that_moved_it() -> None:
    """Outside of its bounds the HPA asks no metric."""
    happened = (
        event(
            "HorizontalPodAutoscaler",
            "iris",
            "SuccessfulRescale",
            "New size: 2; reason: Current number of replicas below Spec.MinReplicas",
            ago=2.0,
        ),
    )
    found = ask(**hpa(ABLE["SucceededRescale"], readings=()), happened=happened)
    assert found.cause == "minimum"


@pytest.mark.parametrize(
    ("fields", "cause", "said"),
    [
        ({"hpas": ()}, "fixed", "2 replicas, because the Deployment asks for 2 and no HPA changes that."),
        (
            {"deployed": deployment(0), "pods": (), "hpas": (scaler(),)},
            "disabled",
            "0 replicas, because iris was set to 0 by hand, and an HPA does nothing at 0",
        ),
        ({"deployed": deployment(0), "pods": (), "hpas": ()}, "disabled", "and no HPA changes that"),
        ({"hpas": (scaler(), scaler(name="other"))}, "rivals", "one HPA has its pods (iris, other)"),
        ({"hpas": (scaler(target_name="gone"),)}, "no-scale", "the HPA iris scales Deployment gone"),
        (
            {"hpas": (scaler(Condition("AbleToScale", "False", "FailedGetScale", "why")),)},
            "no-scale",
            "(FailedGetScale: why)",
        ),
        (
            {"hpas": (scaler(FIT[0], Condition("ScalingActive", "False", "FailedGetPodsMetric", "why")),)},
            "no-figures",
            "has no figures to go by and keeps what there is: FailedGetPodsMetric: why",
        ),
        ({"objects": (ScaledObject("so", "iris", "iris", paused=True),)}, "paused", "so is paused"),
    ],
)
def test_an_hpa_that_does_nothing(fields: dict[str, Any], cause: str, said: str) -> None:
    """No HPA, zero, rivals, another target, no figures, a pause."""
    found = ask(**fields)
    assert found.cause == cause
    assert said in found.sentence


def test_pods_that_start_are_counted_as_the_hpa_counts_them() -> None:
    """Three use 101m of 120m, one is new: (3 x 101m + 0) / 480m is 63 %, and 63/60 changes nothing.

    Without it, ceil(3 x 84/60) = 5 would be wanted.
    """
    young = pod("iris-d", started_at=NOW - 30, ready_since=NOW - 5)
    names = ("iris-a", "iris-b", "iris-c", "iris-d")
    found = ask(
        pods=(*(pod(name) for name in names[:3]), young),
        deployed=deployment(4),
        used=tuple(PodUsage(name, NOW - 10, 15, {"c": {"cpu": "101m"}}) for name in names),
        **hpa(percent=84, current=4, desired=4),
    )
    assert [(one.pods, one.unready, one.missing, one.wanted) for one in found.derivations] == [(3, 1, 0, 4)]
    assert any("3 pods count, 1 start, 0 have no figures" in note for note in found.notes)


def test_a_total_that_belongs_to_no_pod() -> None:
    """An external AverageValue: 3 replicas x 1.7 over 1 = ceil(5.1) = 6; KEDA is told of."""
    metric = {"metric": {"name": "demand"}, "target": {"type": "AverageValue", "averageValue": "1"}}
    current = {
        "type": "External",
        "external": {"metric": {"name": "demand"}, "current": {"averageValue": "1700m"}},
    }
    spec = {**SPEC, "metrics": [{"type": "External", "external": metric}]}
    found = ask(
        **{**pods(3), "deployed": deployment(6)},
        objects=(ScaledObject("so", "iris", "iris"),),
        **hpa(spec=spec, readings=(current,), current=3, desired=6),
    )
    assert found.cause == "metric"
    assert "demand is 1.7 with a target of 1 per replica: ceil(3 x 1.7/1) = 6" in found.sentence
    assert "the HPA iris was made by KEDA from the ScaledObject so" in found.notes


def test_what_keeps_pods_away_is_noted() -> None:
    """A refusal, and pods that are not ready, stand beside the answer; silence of the metrics API too."""
    refused = (Condition("ReplicaFailure", "True", "FailedCreate", "exceeded quota"),)
    found = ask(
        deployed=deployment(3, conditions=refused),
        pods=(pod("iris-a"), pod("iris-b", ready=False)),
        used=ClusterError("away"),
        **hpa(current=3, desired=3),
    )
    text = "\n".join(found.notes)
    assert "the API server refuses pods: exceeded quota" in text
    assert "not ready: iris-b (`ekiben doctor iris` says why)" in text
    assert "the metrics API does not answer: away" in text


def test_a_release_that_is_not_there() -> None:
    """An error with what to do."""
    with pytest.raises(ClusterError, match="expected the release models/iris in ekiben-local") as error:
        ask(deployed=None)
    assert "ekiben release iris" in error.value.remedy


def test_the_numbers_stand_below_the_sentence() -> None:
    """Replicas, the HPA's wish, each metric with its derivation; the same as JSON."""
    found = ask(**pods(4), **hpa(ABLE["ScaleDownStabilized"], ACTIVE, percent=15, current=4, desired=4))
    assert table.lines(found)[1:] == [
        "replicas   4 asked for, 4 ready",
        "HPA        wants 4, between 2 and 6",
        "cpu        15 % of 60 %: ceil(4 x 15/60) = 1",
    ]
    document = found.to_json()
    assert (document["cause"], document["derivations"][0]["wanted"]) == ("window", 1)
    assert document["sentence"] == found.sentence
