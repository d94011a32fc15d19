"""What a cool-down does to a trace: by hand, event by event, and against a controller that looks."""

from __future__ import annotations

import math
from itertools import accumulate
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.scale.zero import events
from tests.unit.scale.zero.events import SETTINGS

from ekiben.errors import ConfigError
from ekiben.scale.zero.inputs import Asked, inputs
from ekiben.scale.zero.sleeping import Timing, slept
from ekiben.scale.zero.ways import WAYS

# Quarters of seconds: sums and differences are exact, so that equal ends are met.
QUARTERS = st.integers(0, 400).map(lambda number: number / 4)
LENGTHS = st.lists(st.one_of(st.integers(0, 12).map(lambda n: n / 4), QUARTERS), max_size=40)


@st.composite
def timings(draw: st.DrawFn) -> Timing:
    wake = draw(QUARTERS)
    return Timing(wake + draw(QUARTERS), wake, draw(QUARTERS), draw(QUARTERS), draw(QUARTERS))


def test_a_trace_worked_out_by_hand() -> None:
    """Requests at 100, 101, 106, 1,000, 1,004, 1,009 of 2,000 s; 300 s of cool-down, wakes of 8 s.

    It sleeps from 406 (gone at 426) to 1,000 and from 1,309 (gone at 1,329) to the end. The requests at
    1,000 and 1,004 wait 8 and 4 s, that at 1,009 finds a replica.
    """
    found = slept(events.gaps([100, 101, 106, 1000, 1004, 1009], 2000), Timing(300, 8, 20, 5, 0.25))
    assert (found.sleeps, found.wakes) == (2, 1)
    assert found.asleep_seconds == (1000 - 426) + (2000 - 1329)
    assert found.waits.tolist() == [4, 8]
    assert (found.most_waiting, found.failed, found.bad) == (2, 1, 2)


@pytest.mark.parametrize(
    ("patience", "objective", "failed", "bad"), [(4, 8, 1, 1), (8, 4, 0, 1), (8, 8, 0, 0), (3.75, 8, 2, 2)]
)
def test_a_wait_as_long_as_the_limit_is_good(
    patience: float, objective: float, failed: int, bad: int
) -> None:
    """Of waits of 8 and 4 s: held for exactly that long, or answered at exactly the objective."""
    found = slept(events.gaps([1000, 1004, 1009], 1100), Timing(300, 8, 0, patience, objective))
    assert (found.failed, found.bad) == (failed, bad)


def test_a_gap_as_long_as_the_cool_down_is_not_slept_through() -> None:
    """300 s are not longer than 300 s; the start of the trace counts as a request."""
    assert slept(events.gaps([300, 600], 900), Timing(300, 8, 0, 0, 1)).sleeps == 0
    assert slept(events.gaps([300.25, 600.25], 900), Timing(300, 8, 0, 0, 1)).sleeps == 1


def test_without_anything_that_wakes_every_later_request_fails() -> None:
    """The first sleep, from 406 on, is the last; three of six requests never meet a replica."""
    found = slept(events.gaps([100, 101, 106, 1000, 1004, 1009], 2000), Timing(300, math.inf, 20, 0, 0.25))
    assert (found.sleeps, found.wakes, found.failed, found.bad) == (1, 0, 3, 3)
    assert found.asleep_seconds == 2000 - 426


def test_a_trace_without_requests_is_slept_through() -> None:
    """Nobody waits; the cool-down and what follows it are paid once."""
    found = slept(events.gaps([], 3600), Timing(300, 8, 20, 0, 1))
    assert (found.sleeps, found.wakes, len(found.waits), found.most_waiting) == (1, 0, 0, 0)
    assert found.asleep_seconds == 3280


@given(LENGTHS, QUARTERS, timings(), st.booleans())
@settings(deadline=None)
def test_a_replay_is_what_happens_event_by_event(
    lengths: list[float], rest: float, timing: Timing, wakes: bool
) -> None:
    """Sleeps, wakes, time and each wait, on any trace; with something that wakes and without."""
    if not wakes:
        timing = Timing(timing.cooldown_seconds, math.inf, timing.late_seconds, 0, timing.objective_seconds)
    times = list(accumulate(lengths))
    end = (times[-1] if times else 0.0) + rest
    told = events.story(times, end, timing)
    found = slept(events.gaps(times, end), timing)
    assert (found.sleeps, found.wakes, found.asleep_seconds) == (told.sleeps, told.wakes, told.asleep)
    assert found.waits.tolist() == sorted(wait for wait in told.waits if wait > 0)
    assert found.failed == sum(wait > timing.patience_seconds for wait in told.waits)
    assert found.bad == events.bad(told, timing)


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([("counter", 15.0, 30.0), ("counter", 5.0, 10.0), ("holder", 0.5, 30.0)]),
    st.floats(0, 60),
)
@settings(max_examples=60, deadline=None)
def test_it_errs_on_the_side_that_hurts(seed: int, grid: tuple[Any, float, float], start: float) -> None:
    """KEDA looking and samples taken at any phase: no request waits longer, no more are bad, no less saved.

    Gaps lie around the cool-down, where a sample that is still due meets a look that takes the replicas.
    """
    name, sample, look = grid
    asked = Asked(start_seconds=start, scrape_seconds=sample, poll_seconds=look, cooldown_seconds=120.0)
    known = inputs(asked, {}, SETTINGS)
    WAYS[name].check(known)
    for each in WAYS[name].formulas:
        known[each.name] = each.derive(known)
    generator = np.random.default_rng(seed)
    lengths = generator.choice([1.0, 40.0, 115.0, 121.0, 160.0, 400.0], 25) * generator.uniform(0.9, 1.1, 25)
    arrivals = np.cumsum(lengths).tolist()
    # A pod is scheduled, starts, is probed and gets its endpoint: 2 + start + 1 + 1 s; it drains for 10 s.
    wake_look = look if name == "counter" else 0.2  # the add-on asks every 0.5 s and tells KEDA itself
    phases = (generator.uniform(0, sample), generator.uniform(0, wake_look), generator.uniform(0, look))
    if name == "counter":  # one look does both
        phases = (phases[0], phases[1], phases[1])
    real = events.Controller(sample, wake_look, look, 60.0, 120.0, start + 4, 10.0, phases)
    told = real.story(arrivals, arrivals[-1] + 500)
    timing = Timing(120.0, known["wake_seconds"].value, known["late_seconds"].value, 1e9, 0.25)
    worst = events.story(arrivals, arrivals[-1] + 500, timing)
    assert all(found <= limit + 1e-6 for found, limit in zip(told.waits, worst.waits, strict=True))
    assert told.sleeps <= worst.sleeps
    assert told.asleep >= worst.asleep - 1e-6
    assert told.sleeps > 0


@pytest.mark.parametrize(
    "times", [(7.9, 8, 0, 0, 0), (-1, 0, 0, 0, 0), (300, 8, -1, 0, 0), (300, math.nan, 0, 0, 0)]
)
def test_times_that_cannot_be_are_refused(times: tuple[float, ...]) -> None:
    """A cool-down shorter than a wake would take replicas before they were ready."""
    with pytest.raises(ConfigError, match="expected"):
        Timing(*times)
