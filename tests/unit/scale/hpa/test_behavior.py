"""Limits, policies, windows and memory; expected values from the documentation's rules, by hand."""

from __future__ import annotations

from typing import Any

import pytest

from ekiben.errors import ConfigError
from ekiben.scale.hpa import quantity
from ekiben.scale.hpa.autoscaler import Autoscaler, Flags
from ekiben.scale.hpa.controller import Decision, Seen, sync
from ekiben.scale.hpa.history import Memory

_DEMAND = {
    "type": "External",
    "external": {"metric": {"name": "demand"}, "target": {"type": "AverageValue", "averageValue": "1"}},
}
_STALE = {
    "type": "External",
    "external": {"metric": {"name": "other"}, "target": {"type": "AverageValue", "averageValue": "1"}},
}


def _spec(low: int = 1, high: int = 100, **behavior: Any) -> dict[str, Any]:
    made = {"minReplicas": low, "maxReplicas": high, "metrics": [_DEMAND]}
    return made | ({"behavior": behavior} if behavior else {})


def _path(spec: dict[str, Any], demands: list[int | None], *, start: int, every: float = 15.0) -> list[int]:
    """Replicas after each sync."""
    return [each.replicas for each in _decisions(spec, demands, start=start, every=every)]


def _decisions(
    spec: dict[str, Any], demands: list[int | None], *, start: int, every: float = 15.0
) -> list[Decision]:
    hpa, memory, replicas, made = Autoscaler.of(spec), Memory(), start, []
    for number, demand in enumerate(demands):
        found = None if demand is None else (demand * 1000,)
        seen = Seen(number * every, replicas, replicas, [], [found] * len(hpa.metrics))
        decision, memory = sync(hpa, Flags(), memory, seen)
        replicas = decision.replicas
        made.append(decision)
    return made


def test_without_behavior_replicas_double_or_reach_four() -> None:
    """At most max(2N, 4) in one sync: 1, 4, 8, 16, 32."""
    assert _path(_spec(), [90] * 5, start=1) == [4, 8, 16, 32, 64]


def test_the_default_behavior_adds_four_or_doubles_each_period() -> None:
    """4 pods or 100 % in 15 s, whichever is more: 1, 5, 10, 20, 40."""
    assert _path(_spec(scaleUp={}), [90] * 5, start=1) == [5, 10, 20, 40, 80]


def test_without_behavior_a_scale_down_waits_five_minutes() -> None:
    """The most that was recommended in the last 300 s, its beginning included, holds."""
    found = _path(_spec(), [10, *([1] * 22)], start=10)
    assert found == [10] * 21 + [1] * 2


def test_a_window_of_behavior_ends_one_sync_sooner() -> None:
    """With `behavior` the beginning of the window does not belong to it."""
    found = _path(_spec(scaleDown={"stabilizationWindowSeconds": 300}), [10, *([1] * 22)], start=10)
    assert found == [10] * 20 + [1] * 3


def test_a_window_upwards_takes_the_least_of_it() -> None:
    """A peak shorter than 30 s adds nothing; one that stays is followed when the window has passed."""
    spec = _spec(scaleUp={"stabilizationWindowSeconds": 30})
    assert _path(spec, [2, 9, 2, 9, 9, 9], start=2) == [2, 2, 2, 2, 6, 9]


def test_policies_limit_each_period() -> None:
    """One pod in 60 s downwards: a step of 15 s more than three does nothing."""
    policies = [{"type": "Pods", "value": 1, "periodSeconds": 60}]
    spec = _spec(scaleDown={"stabilizationWindowSeconds": 0, "policies": policies})
    assert _path(spec, [1] * 9, start=5) == [4, 4, 4, 4, 3, 3, 3, 3, 2]


def test_percents_are_rounded_so_that_something_changes() -> None:
    """10 % of 5 adds one replica, and takes one away."""
    policies = [{"type": "Percent", "value": 10, "periodSeconds": 15}]
    spec = _spec(
        scaleUp={"policies": policies}, scaleDown={"stabilizationWindowSeconds": 0, "policies": policies}
    )
    assert _path(spec, [90], start=5) == [6]
    assert _path(spec, [1], start=5) == [4]
    assert _path(spec, [1], start=80) == [72]


@pytest.mark.parametrize(("select", "up", "down"), [("Max", 20, 5), ("Min", 12, 8), ("Disabled", 10, 10)])
def test_one_policy_is_selected(select: str, up: int, down: int) -> None:
    """Of 2 pods and 100 % up, 2 pods and 50 % down: the larger change, the smaller one, none."""
    spec = _spec(
        scaleUp={
            "selectPolicy": select,
            "policies": [
                {"type": "Pods", "value": 2, "periodSeconds": 15},
                {"type": "Percent", "value": 100, "periodSeconds": 15},
            ],
        },
        scaleDown={
            "selectPolicy": select,
            "stabilizationWindowSeconds": 0,
            "policies": [
                {"type": "Pods", "value": 2, "periodSeconds": 15},
                {"type": "Percent", "value": 50, "periodSeconds": 15},
            ],
        },
    )
    assert _path(spec, [90], start=10) == [up]
    assert _path(spec, [1], start=10) == [down]


def test_replicas_stay_between_min_and_max() -> None:
    """The spec's own bounds come before all metrics, and bind what metrics ask for."""
    assert _path(_spec(3, 6), [1], start=10) == [6]
    assert _path(_spec(3, 6), [9], start=1) == [3]
    assert _path(_spec(3, 6, scaleDown={"stabilizationWindowSeconds": 0}), [1, 9], start=4) == [3, 6]


def test_zero_replicas_switch_the_hpa_off_unless_zero_is_allowed() -> None:
    """At 0 replicas nothing happens with a min of 1; with a min of 0 the demand is followed."""
    (off,) = _decisions(_spec(1), [5], start=0)
    assert (off.replicas, off.active) == (0, "ScalingDisabled")
    assert _path(_spec(0), [3, 0], start=0) == [3, 3]


def test_a_failed_metric_blocks_a_scale_down_and_no_scale_up() -> None:
    """One of two metrics failed: 9 is followed upwards, 1 is not downwards; all failed: nothing moves."""
    spec = _spec(scaleDown={"stabilizationWindowSeconds": 0}) | {"metrics": [_STALE, _DEMAND]}
    for demand, replicas, active in ((9, 9, "ValidMetricFound"), (1, 5, "FailedGetExternalMetric")):
        seen = Seen(0.0, 5, 5, [], [None, (demand * 1000,)])
        decision, _ = sync(Autoscaler.of(spec), Flags(), Memory(), seen)
        assert (decision.replicas, decision.failed, decision.active) == (replicas, True, active)
    (blind,) = _decisions(_spec(), [None], start=5)
    assert (blind.replicas, blind.failed) == (5, True)


def test_the_largest_of_several_metrics_wins() -> None:
    """Two metrics that ask for 3 and 7: 7."""
    spec = _spec() | {"metrics": [_STALE, _DEMAND]}
    seen = Seen(0.0, 5, 5, [], [(3000,), (7000,)])
    decision, _ = sync(Autoscaler.of(spec), Flags(), Memory(), seen)
    assert decision.replicas == 7


def test_a_restart_forgets_what_held_replicas() -> None:
    """With an empty memory the last recommendation alone counts, so replicas fall at once."""
    hpa, flags = Autoscaler.of(_spec()), Flags()
    _, memory = sync(hpa, flags, Memory(), Seen(0.0, 10, 10, [], [(10_000,)]))
    kept, _ = sync(hpa, flags, memory, Seen(15.0, 10, 10, [], [(1000,)]))
    assert (kept.replicas, kept.able) == (10, "ScaleDownStabilized")
    forgot, memory = sync(hpa, flags, Memory(), Seen(15.0, 10, 10, [], [(1000,)]))
    assert forgot.replicas == 10  # the first sync remembers the replicas that it finds
    late, _ = sync(hpa, flags, memory, Seen(315.125, 10, 10, [], [(1000,)]))
    assert late.replicas == 1


@pytest.mark.parametrize(
    ("text", "milli"),
    [("1", 1000), ("500m", 500), ("1.5", 1500), ("2Ki", 2_048_000), ("1e2", 100_000), ("0.0005", 1)],
)
def test_quantities_are_thousandths_rounded_up(text: str, milli: int) -> None:
    """As the API's documentation says of its suffixes."""
    assert quantity.milli(text) == milli


@pytest.mark.parametrize("text", ["", "five", "1 m", "1mm", "--1", "True"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    """The error shows what a quantity looks like."""
    with pytest.raises(ConfigError, match="500m"):
        quantity.exact(text)


def test_quantities_beyond_63_bits_are_refused() -> None:
    """16 Ei in thousandths are too many."""
    with pytest.raises(ConfigError, match="below"):
        quantity.milli("16Ei")


@pytest.mark.parametrize(
    "change",
    [
        {"maxReplicas": 0},
        {"minReplicas": -1},
        {"minReplicas": 9, "maxReplicas": 8},
        {"maxReplicas": None},
        {"metrics": [{"type": "Resource"}]},
        {"metrics": [{"type": "Weather", "weather": {}}]},
        {"minReplicas": 0, "metrics": []},
        {"behavior": {"scaleUp": {"policies": []}}},
        {"behavior": {"scaleUp": {"policies": [{"type": "Pods", "value": 0, "periodSeconds": 15}]}}},
        {"behavior": {"scaleUp": {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 1801}]}}},
        {"behavior": {"scaleUp": {"stabilizationWindowSeconds": 3601}}},
        {"behavior": {"scaleUp": {"tolerance": "-0.1"}}},
        {"behavior": {"scaleUp": {"selectPolicy": "Most"}}},
    ],
)
def test_a_spec_that_the_api_would_refuse_is_refused(change: dict[str, Any]) -> None:
    """Bounds are those of autoscaling/v2; the error says what was expected."""
    with pytest.raises(ConfigError, match="expected"):
        Autoscaler.of(_spec() | change)


def test_no_metrics_are_eighty_percent_of_cpu() -> None:
    """The API server's default."""
    (metric,) = Autoscaler.of({"maxReplicas": 3}).metrics
    assert (metric.kind, metric.name, metric.value) == ("Resource", "cpu", 80)


@pytest.mark.parametrize("milli", [118, 235, 239, 344])
def test_a_tolerance_is_the_product_that_the_controller_makes(milli: int) -> None:
    """A use of exactly 1 + 118m holds at v1.35.4 (asked); with the nearest float to 0.118 it would not."""
    assert (1000 + milli) / 1000 > 1.0 + milli / 1000
    spec = _spec(scaleUp={"tolerance": f"{milli}m"})
    seen = Seen(0.0, 1, 1, [], [(1000 + milli,)])
    decision, _ = sync(Autoscaler.of(spec), Flags(), Memory(), seen)
    assert decision.replicas == 1
