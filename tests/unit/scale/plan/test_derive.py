"""From wishes and measurements to numbers: against arithmetic of the tests' own."""

from __future__ import annotations

import math

import pytest
from tests.unit.scale.plan import plans

from ekiben.errors import ConfigError
from ekiben.scale.plan.derive import Wishes, derive
from ekiben.scale.plan.formulas import formulas


def test_a_worked_example_has_its_numbers() -> None:
    """Two workers, 8 ms, P(T > 50 ms) <= 1 %, 2,000 requests/s: every number, worked out on paper."""
    found = plans.plan()
    expected = {
        "lag_seconds": 5 + 10 + 5 + 1 + 15 + 2 + 12 + 1 + 1,
        "mean_lag_seconds": 2.5 + 10 + 2.5 + 1 + 7.5 + 2 + 12 + 0.5 + 1,
        "hard_rate": 237.5,
        "ramp_bound_rate": 188 / (1 + 52 / 60),  # h = 87 %
        "saturation_bound_rate": 237.5 / (1 + 52 / 60),  # h = 48 %
        "surge_ratio": 1 + 53 / 60 - 0.25,
        "budget_bound_rate": 188 / (1 + max(0, (52 - 86.4) / 60)),
        "peak_replicas": 14, "min_replicas": 3, "max_replicas": 21, "worker_threads": 2, "peak_cores": 28,
        "ramp_peak_replicas": 20, "saturation_peak_replicas": 16,
        "scale_up_pods": 11, "scale_up_percent": 200, "scale_up_window_seconds": 0,
        "scale_up_period_seconds": 15, "scale_down_window_seconds": 124, "scale_down_percent": 18,
        "scale_down_period_seconds": 60, "scale_down_pods": 1,
        "cpu_request_millicores": 1_290, "cpu_limit_millicores": 3_000, "cpu_target_percent": 99,
        "cpu_net_percent": 114, "memory_mebibytes": 120, "concurrency_limit": 250, "bucket_seconds": 0.05,
        "startup_failure_threshold": 120, "progress_deadline_seconds": 300, "drain_seconds": 10,
        "request_timeout_seconds": 5, "grace_seconds": 35, "pdb_max_unavailable": 1,
    }  # fmt: skip
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    assert found["target_rate"] == pytest.approx(250 / (1.75 - 7 / 60))  # 153.06
    assert found.binding == "surge"


def test_the_wait_at_the_end_of_a_surge_is_the_one_that_is_allowed() -> None:
    """The queue of a replica at its target, stepped through a surge of 52 s, is worked off in 1 s."""
    found = plans.plan()
    target, saturation, queue, step = found["target_rate"], found["saturation_rate"], 0.0, 0.001
    for number in range(52_000):
        rate = target * (1 + (number + 0.5) * step / 60)
        queue = max(0.0, queue + (rate - saturation) * step)
    assert queue / saturation == pytest.approx(found["wait_seconds"], rel=0.01)


@pytest.mark.parametrize("start", [4.0, 30.0])
@pytest.mark.parametrize("surge", [0.0, 1 / 60, 1 / 15])
@pytest.mark.parametrize("trough", [10.0, 1_500.0])
def test_the_bounds_hold_elsewhere_too(start: float, surge: float, trough: float) -> None:
    """With other starts, surges and troughs: each number by the conditions that it must satisfy."""
    found = plans.plan(start_seconds=start, surge_per_second=surge, trough_rate=trough)
    lag, tau, least = found["lag_seconds"], found["target_rate"], found.whole("min_replicas")
    assert lag == 40 + start
    assert tau <= 188
    backlog = max(0.0, surge * lag - (250 / tau - 1)) ** 2
    assert backlog <= 2 * surge * 1.0 * (250 / tau) * (1 + 1e-9)
    spent = 10 * max(0.0, lag - found["headroom_ratio"] / surge) if surge else 0.0
    assert spent <= 0.01 * 86_400 * (1 + 1e-9)
    assert least * tau >= trough
    assert (least - 1) * 237.5 >= trough
    assert least * 237.5 >= trough * (1 + surge * lag)
    assert found.whole("max_replicas") * tau >= 1.5 * 2_000
    assert found["scale_down_percent"] <= max(1, 100 * (1 - tau / 188) + 1e-9)


def _bad_seconds(target: float, lag: float, per_second: float) -> float:
    """All-bad seconds of a surge, stepped: none up to C* (188), all from 250 on, evenly more in between."""
    seconds, step = 0.0, 0.001
    for number in range(round(lag / step)):
        rate = target * (1 + per_second * (number + 0.5) * step)
        seconds += step * min(1.0, max(0.0, (rate - 188) / (250 - 188)))
    return seconds


# 1,000 surges a day may be bad for 0.864 s each. At this target the load reaches 188 after 44.29 s and 250
# after 78.69 s: after 52 s a share of 0.224 is bad, in the 7.71 s before half of it, which is 0.864 s.
_BUDGETED = 108.16


@pytest.mark.parametrize(("surges", "start"), [(1_000.0, 12.0), (200.0, 12.0), (30.0, 60.0), (10.0, 120.0)])
def test_surges_spend_no_more_than_their_budget(surges: float, start: float) -> None:
    """However long the lag: what is bad in all surges of a day is within the budget, and not far below it."""
    found = plans.plan(surges_per_day=surges, start_seconds=start, timeout_seconds=300.0)
    allowed = 0.01 * 86_400 / surges
    spent = _bad_seconds(found["budget_bound_rate"], found["lag_seconds"], 1 / 60)
    assert spent <= allowed * 1.001
    if found["budget_bound_rate"] < 188:
        assert spent >= 0.7 * allowed


def test_the_budget_of_a_surge_is_never_more_than_all_bad_beyond_the_objective() -> None:
    """Saturated where it leaves the objective, 43.2 of 52 s may be so; far from saturation nothing is bad."""
    for saturation, expected in ((188.0, 188 / (1 + (52 - 43.2) / 60)), (25_000.0, 188.0)):
        found = derive(
            plans.subject(), plans.wishes(surges_per_day=20.0), plans.measured(saturation_rate=saturation),
            headroom="budget", signal="demand", most=5_000,
        )  # fmt: skip
        assert found["budget_bound_rate"] == pytest.approx(expected)
    late = plans.plan(surges_per_day=1_000.0, surge_per_second=0.0)
    assert late["budget_bound_rate"] == 188  # what does not grow needs none


def test_a_plan_says_what_binds_it() -> None:
    """A quick start leaves the objective, many surges the budget, a small peak the peak itself."""
    quick = plans.plan(start_seconds=0.0, surge_per_second=1 / 600)
    assert (quick.binding, quick["target_rate"], quick["headroom_ratio"]) == ("objective", 188, 0)
    often = plans.plan(surges_per_day=1_000.0)
    assert often.binding == "budget"
    assert often["target_rate"] == pytest.approx(_BUDGETED, rel=1e-4)
    small = plans.plan(peak_rate=60.0, trough_rate=5.0)
    assert (small.binding, small["target_rate"], small["peak_replicas"]) == ("peak", 60, 1)
    assert (small["min_replicas"], small["max_replicas"]) == (2, 3)
    assert small["cpu_request_millicores"] == 10 * math.ceil(60 * 0.84)


@pytest.mark.parametrize(
    ("headroom", "rate"), [("objective", 188 / (1 + 52 / 60)), ("saturation", 237.5 / (1 + 52 / 60))]
)
def test_other_headrooms_are_a_choice(headroom: str, rate: float) -> None:
    """`objective` never leaves the objective in a surge, `saturation` never saturates."""
    found = plans.plan(headroom)
    assert found["target_rate"] == pytest.approx(rate)
    assert found.binding == "surge"


def test_the_tolerance_of_the_hpa_is_paid_for() -> None:
    """With a tolerance of 10 % the HPA steers to a load from which + 10 % is the target."""
    found = plans.plan(tolerance_ratio=None)
    assert found["steer_rate"] * 1.1 == pytest.approx(found["target_rate"])
    use = found["cpu_target_percent"] / 100 * found["cpu_request_millicores"] / 1_000
    assert use * 1.1 <= found["busy_cores"] * (1 + 1e-9)
    assert (use + 0.01 * 1.3) * 1.1 > found["busy_cores"]


def test_the_safety_net_can_fire() -> None:
    """Where a replica is nearly all CPU at its target, the net lies below what its cores can give."""
    found = plans.plan(start_seconds=0.0, surge_per_second=0.0, cores=1.7)  # target 188: 1.58 of 1.7 cores
    request = found["cpu_request_millicores"] / 1_000
    assert found["cpu_net_percent"] / 100 * request <= 0.95 * 1.7
    assert found["cpu_net_percent"] > found["cpu_target_percent"]


def test_without_metrics_of_requests_the_lag_is_that_of_metrics_server() -> None:
    """Signal `cpu`: 15 s to a sample, half of a window of 15 s, 15 s of the HPA, then as ever."""
    assert plans.plan(signal="cpu")["lag_seconds"] == 15 + 7.5 + 15 + 2 + 12 + 1 + 1


def test_what_was_not_said_is_marked_as_assumed() -> None:
    """A fifth of the peak, doubling within a minute: numbers of their own kind, with their reason."""
    found = plans.plan(trough_rate=None, surge_per_second=None)
    assert (found["trough_rate"], found.number("trough_rate").kind) == (400, "assumed")
    assert (found["surge_per_second"], found.number("surge_per_second").kind) == (1 / 60, "assumed")
    assert found.number("peak_rate").kind == "given"


def test_every_number_has_unit_meaning_and_source() -> None:
    """And derived ones their formula and inputs, each formula's names being numbers of the plan."""
    found = plans.plan()
    for name, each in found.numbers.items():
        assert each.meaning, name
        assert each.source, name
        assert (each.kind == "derived") == bool(each.formula), name
        assert set(each.inputs) <= set(found.numbers), name
    assert {each.name for each in formulas("budget")} <= set(found.numbers)


def test_intervals_follow_the_formulas() -> None:
    """C* between 188 and 196: the headroom to the target lies between the ends' own."""
    found = plans.plan()
    assert found.number("capacity_rate").interval == (188, 196)
    low, high = found.number("headroom_ratio").interval or (None, None)
    tau = found["target_rate"]
    assert low == pytest.approx(188 / tau - 1)
    assert high == pytest.approx(196 / tau - 1)
    assert found.number("lag_seconds").interval is None


def test_a_peak_beyond_the_quota_says_what_it_carries() -> None:
    """10 cores hold 7 replicas of 1,290m: they carry 7 x 153 requests/s."""
    with pytest.raises(
        ConfigError, match=r"needs 14 replicas .* 1290m CPU each, and 10 cores hold 7"
    ) as error:
        plans.plan(quota_cores=10.0)
    assert "carry 1071 requests/s" in error.value.remedy
    assert plans.plan(quota_cores=19.0)["max_replicas"] == 14  # the peak, and no more


@pytest.mark.parametrize(
    "fields",
    [
        {"objective_seconds": 0.0}, {"peak_rate": -1.0}, {"peak_rate": math.nan}, {"trough_rate": 2_001.0},
        {"surge_per_second": -0.1}, {"surges_per_day": 0.0}, {"surge_budget_ratio": 1.1}, {"bad_ratio": 0.0},
        {"timeout_seconds": 0.0}, {"tolerance_ratio": 0.6}, {"quota_cores": 0.0}, {"start_seconds": math.inf},
    ],
)  # fmt: skip
def test_wishes_are_bounded(fields: dict[str, float]) -> None:
    """Zero, negative, too large and not a number are refused by name."""
    with pytest.raises(ConfigError, match="expected"):
        Wishes(**{"objective_seconds": 0.05, "peak_rate": 2_000.0, **fields})
