"""The surge of a traffic, as a plan states it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ekiben.cli.plan import growth
from ekiben.errors import ConfigError
from ekiben.scale.simulation.surge import surge_per_second


def test_a_load_that_doubles_in_60_s_has_the_surge_of_that_name() -> None:
    """From 100/s to 200/s in a line, and steady before and after: what `--surge 2x/60s` says."""
    rates = np.interp(np.arange(600), [200, 260], [100.0, 200.0])
    assert surge_per_second(rates, 1.0, 60.0) == pytest.approx(growth("2x/60s"))


def test_a_jump_is_as_fast_as_a_step_is_short() -> None:
    """2.5-fold from one second to the next, and from one ten seconds to the next."""
    rates = np.concatenate((np.full(100, 40.0), np.full(100, 100.0)))
    assert surge_per_second(rates, 1.0, 60.0) == pytest.approx(1.5)
    assert surge_per_second(rates, 10.0, 60.0) == pytest.approx(0.15)


def test_what_falls_or_stays_is_no_surge() -> None:
    """A fall, a constant, and nothing at all."""
    for rates in (np.linspace(100.0, 1.0, 50), np.full(50, 7.0), np.zeros(50), np.full(1, 7.0)):
        assert surge_per_second(rates, 1.0, 60.0) == 0


def test_what_begins_after_nothing_is_beyond_every_surge() -> None:
    """No growth of a rate of 0 is a share of it."""
    assert surge_per_second(np.array([0.0, 0.0, 5.0]), 1.0, 60.0) == math.inf


@pytest.mark.parametrize("seed", range(3))
def test_no_moment_lies_above_the_line_and_one_touches_it(seed: int) -> None:
    """Of any curve, pair by pair: rate(t + d) <= rate(t) (1 + g d) up to the horizon, and no less g does."""
    rates = np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.1, 40)))
    found = surge_per_second(rates, 2.0, 20.0)
    needed = [
        (later / now - 1) / (2.0 * steps)
        for at, now in enumerate(rates.tolist())
        for steps, later in enumerate(rates.tolist()[at + 1 : at + 11], start=1)
    ]
    assert found == pytest.approx(max(needed))


@pytest.mark.parametrize(("step", "horizon"), [(0.0, 60.0), (61.0, 60.0), (1.0, math.inf)])
def test_steps_that_no_surge_has_are_refused(step: float, horizon: float) -> None:
    """A horizon shorter than a step sees nothing."""
    with pytest.raises(ConfigError, match="expected a step"):
        surge_per_second(np.ones(5), step, horizon)
