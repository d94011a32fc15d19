"""The HPA's conditions in words."""

from __future__ import annotations

import pytest

from ekiben.clients.objects import Autoscaler, Condition
from ekiben.diagnosis.autoscaling import in_words

QUIET = (
    Condition("AbleToScale", "True", "ReadyForNewScale", "recommended size matches current size"),
    Condition("ScalingActive", "True", "ValidMetricFound", "the HPA was able to successfully calculate"),
    Condition("ScalingLimited", "False", "DesiredWithinRange", "the desired count is within the range"),
)


def _hpa(*conditions: Condition, cpu: int | None = 86, current: int = 2, desired: int = 3) -> Autoscaler:
    return Autoscaler("Deployment", "iris", 1, 6, current, desired, cpu, conditions)


def test_a_quiet_hpa_is_one_sentence_of_numbers() -> None:
    """Nothing but what it sees and wants."""
    assert in_words(_hpa(*QUIET), 60) == (
        "2 replicas of 1 to 6, 3 are wanted; CPU use is 86 % of the request, the target is 60 %",
    )


def test_one_replica_is_singular() -> None:
    """Grammar of one."""
    assert in_words(_hpa(*QUIET, current=1, desired=1), None) == (
        "1 replica of 1 to 6, 1 is wanted; CPU use is 86 % of the request",
    )


@pytest.mark.parametrize(
    ("kind", "status", "reason", "said"),
    [
        ("AbleToScale", "True", "SucceededRescale", "asked for 3 replicas"),
        ("AbleToScale", "True", "ScaleDownStabilized", "fewer would do"),
        ("AbleToScale", "True", "ScaleUpStabilized", "more are wanted"),
        ("AbleToScale", "False", "FailedGetScale", "Deployment iris cannot be read: why"),
        ("AbleToScale", "False", "FailedUpdateScale", "cannot change the replicas of iris: why"),
        ("ScalingActive", "False", "FailedGetResourceMetric", "no figures to go by: why"),
        ("ScalingActive", "False", "FailedGetExternalMetric", "no figures to go by: why"),
        ("ScalingActive", "False", "ScalingDisabled", "iris was set to 0 replicas"),
        ("ScalingActive", "False", "InvalidSelector", "no usable selector: why"),
        ("ScalingActive", "False", "AmbiguousSelector", "another HPA has the pods of iris too: why"),
        ("ScalingLimited", "True", "TooManyReplicas", "6 is the maximum"),
        ("ScalingLimited", "True", "TooFewReplicas", "1 is the minimum"),
        ("ScalingLimited", "True", "ScaleUpLimit", "they come in steps"),
        ("ScalingLimited", "True", "ScaleDownLimit", "they go in steps"),
    ],
)
def test_each_reason_has_a_sentence(kind: str, status: str, reason: str, said: str) -> None:
    """Every reason that the controller sets and that explains something is translated."""
    numbers, sentence = in_words(_hpa(Condition(kind, status, reason, "why")))
    assert numbers.startswith("2 replicas of 1 to 6")
    assert said in sentence
    assert reason not in sentence


def test_without_figures_no_cpu_use_is_claimed() -> None:
    """An HPA that has no metric shows no stale percentage."""
    broken = Condition("ScalingActive", "False", "FailedGetResourceMetric", "no metrics known for pod")
    assert "%" not in in_words(_hpa(broken), 60)[0]


def test_a_young_hpa_says_what_it_lacks() -> None:
    """No condition yet, and no CPU figure yet, are said in words."""
    assert "has not looked" in in_words(_hpa(cpu=None))[0]
    assert "no CPU use is known yet, the target is 60 %" in in_words(_hpa(*QUIET, cpu=None), 60)[0]


def test_an_unknown_reason_is_passed_on() -> None:
    """A reason of another Kubernetes release appears with its message."""
    said = in_words(_hpa(Condition("ScalingLimited", "True", "SomethingNew", "of 2030")))
    assert said[1] == "ScalingLimited is True: SomethingNew: of 2030"
