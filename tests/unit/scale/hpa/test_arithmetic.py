"""The documented algorithm, number by number.

Source of the expected values: the formulas and examples of
https://kubernetes.io/docs/concepts/workloads/autoscaling/horizontal-pod-autoscale/, worked out by hand.
"""

from __future__ import annotations

import math

import pytest

from ekiben.errors import ConfigError, NoDataError
from ekiben.scale.hpa import per_pod, total
from ekiben.scale.hpa.metric import Metric
from ekiben.scale.hpa.pods import Pod, Readiness, ReadinessWindows, Reading
from ekiben.scale.hpa.tolerance import Tolerances

_CPU = Metric("Resource", "cpu", "Utilization", 50)
_EXACT = Tolerances(0.0, 0.0)


def _pods(count: int, request: int = 200) -> list[Pod]:
    ready = Readiness(ready=True, since_seconds=10.0)
    return [Pod(f"p{n}", "Running", False, 0.0, ready, {"app": {"cpu": request}}) for n in range(count)]


def _asked(
    metric: Metric,
    values: list[int],
    pods: list[Pod],
    current: int = 0,
    tolerances: Tolerances | None = None,
) -> int:
    readings = {f"p{number}": Reading(value, 990.0, 15.0) for number, value in enumerate(values)}
    found = per_pod.replicas_for(
        metric,
        readings,
        pods,
        current or len(pods),
        tolerances or Tolerances(),
        ReadinessWindows(),
        1000.0,
    )
    return found.replicas


def test_twice_the_target_doubles_the_replicas() -> None:
    """200m where 100m is wanted: 2 replicas become 4; 50m halves 4 replicas."""
    assert _asked(_CPU, [200, 200], _pods(2)) == 4
    assert _asked(_CPU, [50] * 4, _pods(4)) == 2


def test_utilization_is_cut_to_whole_percents() -> None:
    """33.9 % of a target of 33 % is on target: 10 pods stay 10, where the exact ratio would ask for 11."""
    metric = Metric("Resource", "cpu", "Utilization", 33)
    assert math.ceil(10 * 339 / 330) == 11
    assert _asked(metric, [339] * 10, _pods(10, request=1000), tolerances=_EXACT) == 10


@pytest.mark.parametrize(
    ("percent", "replicas"), [(45, 10), (55, 10), (56, 12), (44, 9)], ids=["low", "high", "above", "below"]
)
def test_within_a_tenth_nothing_changes(percent: int, replicas: int) -> None:
    """The default tolerance takes ratios of 0.9 to 1.1 for 1, both ends included."""
    assert _asked(_CPU, [percent * 10] * 10, _pods(10, request=1000)) == replicas


def test_each_direction_has_its_own_tolerance() -> None:
    """With no tolerance upwards, 2 % too much of 50 adds a replica to 10; 2 % too little takes none away."""
    uneven = Tolerances(down_ratio=0.1, up_ratio=0.0)
    assert _asked(_CPU, [510] * 10, _pods(10, request=1000), tolerances=uneven) == 11
    assert _asked(_CPU, [490] * 10, _pods(10, request=1000), tolerances=uneven) == 10


def test_a_silent_pod_counts_against_a_scale_down() -> None:
    """3 pods of 4 at 10 % of 50 %, one silent: taken for 100 %, the mean is 32.5 %, and 3 are asked for."""
    assert math.ceil(32 / 50 * 4) == 3
    assert _asked(_CPU, [20, 20, 20], _pods(4)) == 3


def test_a_silent_pod_of_a_target_above_the_request_uses_the_target() -> None:
    """Target 150 %, 9 pods at 0 and one silent at 150 %: 15 % of 150 %, so 1 of 10; at 100 % it were 10 %."""
    metric = Metric("Resource", "cpu", "Utilization", 150)
    assert _asked(metric, [0] * 9, _pods(10)) == math.ceil(15 / 150 * 10) == 1
    assert (
        _asked(metric, [190] * 9, _pods(10)) == math.ceil(100 / 150 * 10) == 7
    )  # (9 x 95 + 150) / 10 = 100.5


def test_a_silent_pod_counts_as_idle_on_a_scale_up() -> None:
    """3 pods at 200 % of the target and one silent at 0: 1.5 times 4 pods are 6, not 8."""
    assert _asked(_CPU, [200, 200, 200], _pods(4)) == 6


def test_a_silent_pod_can_cancel_a_change_but_not_turn_it() -> None:
    """1 pod at 120 % of the target and 3 silent: idle, they would ask for fewer, so nothing changes."""
    assert _asked(_CPU, [120], _pods(4)) == 4


def test_a_pending_pod_dilutes_a_scale_up_only() -> None:
    """A pending pod counts as idle when replicas would grow, and not at all when they would shrink."""
    pods = _pods(4)
    pods[3] = Pod("p3", "Pending", requests={"app": {"cpu": 200}})
    assert _asked(_CPU, [200, 200, 200], pods) == 6
    assert _asked(_CPU, [20, 20, 20], pods) == 1


@pytest.mark.parametrize(
    ("start", "ready", "since", "sampled", "believed"),
    [
        (800.0, True, 900.0, 990.0, True),
        (800.0, True, 980.0, 990.0, False),  # the window of 15 s began before it was ready
        (800.0, True, 975.0, 990.0, True),
        (800.0, False, 900.0, 990.0, False),
        (700.0, True, 999.0, 990.0, True),  # 300 s after the start, the sample's window plays no part
        (600.0, False, 615.0, 990.0, False),  # never ready: its condition last changed within 30 s
        (600.0, False, 700.0, 990.0, True),  # was ready once
    ],
)
def test_cpu_of_a_starting_pod_is_not_believed(
    start: float, ready: bool, since: float, sampled: float, believed: bool
) -> None:
    """In the first 300 s it must be ready, and its sample wholly after that; later it must have been once."""
    pod = Pod("p0", "Running", False, start, Readiness(ready, since), {"app": {"cpu": 200}})

    def ask(metric: Metric) -> int:
        return per_pod.replicas_for(
            metric,
            {"p0": Reading(200, sampled, 15.0)},
            [pod],
            1,
            Tolerances(),
            ReadinessWindows(),
            1000.0,
        ).replicas

    if believed:
        assert ask(_CPU) == 2
    else:
        with pytest.raises(NoDataError, match="ready"):
            ask(_CPU)
    assert ask(Metric("Resource", "memory", "AverageValue", 100)) == 2  # readiness is CPU's alone


def test_a_pod_that_ends_counts_for_nothing() -> None:
    """Pods with a deletion timestamp, or failed, are neither counted nor measured."""
    pods = _pods(3)
    pods[1] = Pod("p1", deleted=True, requests={"app": {"cpu": 200}})
    pods[2] = Pod("p2", "Failed", requests={"app": {"cpu": 200}})
    assert _asked(_CPU, [200, 9000, 9000], pods) == 2


def test_a_missing_request_is_an_error() -> None:
    """Utilisation needs the request of every container, of pods that do not count too."""
    pods = _pods(2)
    pods[1] = Pod("p1", "Failed", requests={"app": {"cpu": 200}, "proxy": {}})
    with pytest.raises(NoDataError, match="request for cpu in proxy of p1"):
        _asked(_CPU, [200], pods)
    container = Metric("ContainerResource", "cpu", "Utilization", 50, container="app")
    assert _asked(container, [200], pods) == 2


def test_a_total_over_an_average_is_the_number() -> None:
    """External 3.05 with an AverageValue of 1 asks for 4 without tolerance, and keeps 3 within a tenth."""
    metric = Metric("External", "demand", "AverageValue", 1000)
    assert total.replicas_for(metric, (3050,), [], 3, 3, _EXACT).replicas == 4
    assert total.replicas_for(metric, (3050,), [], 3, 3, Tolerances()).replicas == 3


def test_within_tolerance_an_average_answers_with_the_pods_that_there_are() -> None:
    """While a rollout surges to 5 pods, a spec of 4 is answered with 5 (kubernetes issue 138505)."""
    metric = Metric("External", "demand", "AverageValue", 1000)
    assert total.replicas_for(metric, (4800,), [], 4, 5, Tolerances()).replicas == 5
    assert total.replicas_for(metric, (4000,), [], 4, 5, _EXACT).replicas == 4


def test_a_value_multiplies_the_pods_that_are_ready() -> None:
    """Twice an Object's target doubles 2 ready pods of 3; from 0 replicas the ratio is the number."""
    metric = Metric("Object", "queue", "Value", 1000)
    pods = [*_pods(2), Pod("p2")]
    assert total.replicas_for(metric, (2000,), pods, 3, 3, Tolerances()).replicas == 4
    assert total.replicas_for(metric, (2500,), [], 0, 0, Tolerances()).replicas == 3
    with pytest.raises(NoDataError, match="pods"):
        total.replicas_for(metric, (2000,), [], 3, 3, Tolerances())


def test_a_sum_beyond_63_bits_is_the_largest_number() -> None:
    """External values that overflow ask for as many replicas as an int32 holds."""
    metric = Metric("External", "demand", "AverageValue", 1)
    found = total.replicas_for(metric, (2**62, 2**62), [], 1, 1, Tolerances())
    assert (found.replicas, found.average_milli) == (2**31 - 1, 2**63 - 1)


@pytest.mark.parametrize(
    ("kind", "target", "value", "container"),
    [
        ("Pods", "Value", 1, ""),
        ("Resource", "Utilization", 0, ""),
        ("ContainerResource", "Utilization", 50, ""),
        ("Resource", "Utilization", 50, "app"),
        ("Weather", "Value", 1, ""),
    ],
)
def test_a_metric_that_cannot_be_is_refused(kind: str, target: str, value: int, container: str) -> None:
    """Targets that a kind does not have, or not above 0, are errors of configuration."""
    with pytest.raises(ConfigError, match="expected"):
        Metric(kind, "cpu", target, value, container)  # type: ignore[arg-type]  # that is the point
