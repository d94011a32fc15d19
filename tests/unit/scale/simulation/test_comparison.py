"""Policies side by side, and the capacity that they are told."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ekiben.errors import ConfigError
from ekiben.scale.simulation import capacity, comparison
from ekiben.scale.simulation.engine import World
from ekiben.scale.simulation.service import Service, Start
from ekiben.scale.simulation.traffic import Traffic

_WORLD = World(Service(1, 0.02, 1.0), Start(10.0), objective_seconds=0.2)


def test_capacity_is_where_m_m_1_says() -> None:
    """P(T > x) = exp(-(mu - lambda) x) is 1 % at lambda = 50 - ln(100) / 0.2 = 27 requests/s."""
    expected = 50 - math.log(100) / 0.2
    found = capacity.within_objective(_WORLD, 0.01, seed=1, seconds=1_500)
    assert found == pytest.approx(expected, rel=0.04)


def test_the_capacity_of_a_fast_replica_is_found_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 10 us a request, ten minutes would be 300 million of them: fewer say the same."""
    monkeypatch.setattr(capacity, "_MOST_REQUESTS", 200_000)
    world = World(Service(1, 0.000_01, 1.0), Start(10.0), objective_seconds=0.000_1)
    expected = 100_000 - math.log(100) / 0.000_1
    assert capacity.within_objective(world, 0.01, seed=1) == pytest.approx(expected, rel=0.04)


def test_a_service_that_is_slower_than_the_objective_has_no_capacity() -> None:
    """20 ms on average are never within 1 ms: 0, and a setting refuses it."""
    world = World(Service(1, 0.02, 0.0), Start(10.0), objective_seconds=0.001)
    found = capacity.within_objective(world, 0.01, seed=1, seconds=60)
    assert found == 0
    with pytest.raises(ConfigError, match="capacity"):
        comparison.Setting(found)


def test_all_policies_run_on_the_same_requests() -> None:
    """Each has a row; the static one never changes, and costs what the peak needs over what is needed."""
    rates = np.concatenate((np.full(300, 30.0), np.full(300, 120.0)))
    traffic = Traffic.drawn(rates, np.random.default_rng(1))
    setting = comparison.Setting(25.0, 1, {"demand": 20.0})
    rows = {row.policy: row for row in comparison.compared(traffic, _WORLD, setting, 1)}
    assert len(rows) == 12
    assert len({row.outcome.requests for row in rows.values()}) == 1
    static = rows["static peak"]
    assert (static.outcome.actions, static.outcome.most) == (1, 5)  # from the first second's 2 to 5
    assert rows["clairvoyant"].cost_ratio == pytest.approx(1, abs=0.03)
    assert static.cost_ratio == pytest.approx(5 * 600 / (2 * 300 + 5 * 300 + 3 * 11), abs=0.05)


def test_the_peak_is_that_of_a_minute() -> None:
    """A second of 1,000 in a minute of 10 is a peak of (1,000 + 59 x 10) / 60."""
    rates = np.full(600, 10.0)
    rates[100] = 1_000.0
    traffic = Traffic.drawn(rates, np.random.default_rng(1))
    assert comparison.peak_rate(traffic) == pytest.approx((1_000 + 590) / 60)


def test_an_unknown_policy_is_refused_with_the_names() -> None:
    """The message lists what there is."""
    traffic = Traffic.drawn(np.full(60, 10.0), np.random.default_rng(1))
    with pytest.raises(ConfigError, match="Knative KPA"):
        list(comparison.compared(traffic, _WORLD, comparison.Setting(25.0), 1, ["best"]))
