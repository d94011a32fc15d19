"""The simulated HPA on demand is the plan's: the same numbers, the same behaviour."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest
from tests.unit.scale.plan import plans

from ekiben.observe import demand as rules
from ekiben.scale.plan.chart import chart_values
from ekiben.scale.simulation import demand, planned
from ekiben.scale.simulation.engine import World
from ekiben.scale.simulation.fleet import Fleet
from ekiben.scale.simulation.monitoring import Monitor, Sample
from ekiben.scale.simulation.policy import View
from ekiben.scale.simulation.service import Service, Start

_WORLD = World(Service(2, 0.008, 0.5), Start(15.0), objective_seconds=0.05)


def test_the_simulated_numbers_are_those_of_a_plan() -> None:
    """The worked example's replica, 12 s of start after 3 s of cluster: its target, lag and replicas."""
    plan = plans.plan(surge_budget_ratio=None, trough_rate=0.0)
    found = planned.numbers(_WORLD, 188.0, 2_000.0, plan.whole("min_replicas"))
    for name in ("target_rate", "lag_seconds", "mean_lag_seconds", "max_replicas", "scale_down_percent"):
        assert found[name].value == pytest.approx(plan[name]), name


def test_the_simulated_behaviour_is_that_of_the_chart() -> None:
    """Policies, windows and tolerance as the plan gives them to the chart."""
    plan = plans.plan()
    values = chart_values(plan)["autoscaling"]["behavior"]
    spec = demand.spec(planned.sizing(plan.numbers))
    for way in ("scaleUp", "scaleDown"):
        expected = {key: value for key, value in values[way].items() if key != "selectPolicy"}
        assert spec["behavior"][way] == expected | {"tolerance": "0"}


def test_a_target_may_be_given() -> None:
    """What stands on it follows: the share that may go at once is what is left below C*."""
    found = planned.numbers(_WORLD, 188.0, 2_000.0, 2, target_rate=150.0)
    assert found["target_rate"].value == 150.0
    assert found["scale_down_percent"].value == int(100 * (1 - 150 / 188))


@pytest.mark.parametrize("seconds", [20, 40, 75])
def test_a_release_that_begins_is_no_surge(seconds: int) -> None:
    """100/s from the first second on: the rate alone, as the recording rules have it."""
    policy = demand.Demand(demand.Sizing(50.0, 1, 20, 38.0, 0.5))
    fleet = Fleet(_WORLD.service, _WORLD.start, np.random.default_rng(0))
    monitor = Monitor(series={"a": deque()})
    for at in range(0, seconds + 1, 5):
        monitor.series["a"].append(Sample(at, 100 * at, 100 * at, 0))
        policy.record(View(at, fleet, monitor))
    expected = (100 + 2 * (100 / rules.WINDOW_SECONDS) ** 0.5) / 50
    assert policy.recorded == pytest.approx(expected)
