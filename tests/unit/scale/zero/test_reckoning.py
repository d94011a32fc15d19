"""Whether zero pays: numbers worked out by hand, computed again from their text, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.scale.plan import plans
from tests.unit.scale.zero import events
from tests.unit.scale.zero.events import SETTINGS

from ekiben.errors import ConfigError
from ekiben.scale.zero.inputs import Asked, inputs
from ekiben.scale.zero.reckoning import Reckoning, reckon
from ekiben.scale.zero.sleeping import Timing
from ekiben.scale.zero.ways import WAYS

# What formulas may use, in Python's own words.
FUNCTIONS: dict[str, Any] = {"__builtins__": {}, "min": min, "max": max}
TIMES = [100.0, 101.0, 106.0, 3_700.0, 3_704.0, 3_709.0]


def reckoned(
    way: Any = "holder", times: Sequence[float] = TIMES, seconds: float = 7_200, **asked: Any
) -> Reckoning:
    known = inputs(Asked(**{"start_seconds": 4.0, **asked}), {}, SETTINGS)
    return reckon(events.gaps(times, seconds), WAYS[way], known)


def test_a_reckoning_worked_out_by_hand() -> None:
    """Two hours, one wake: 0.7 + 2 + 4 + 1 + 1 s; two replicas are gone 300 + 60 + 60 + 10 s after a request.

    Asleep from 536 to 3,700 and from 4,139 to 7,200 s; at 10 a replica-hour and 5 a wake, 3 an hour for the
    add-on. The requests at 3,700 and 3,704 wait 8.7 and 4.7 s.
    """
    found = reckoned(replica_cost=10.0, wake_cost=5.0, holder_cost=3.0)
    asleep = (3_700 - 536) + (7_200 - 4_139)
    expected = {
        "wake_seconds": 8.7, "late_seconds": 130, "patience_seconds": 30, "requests": 6, "sleeps": 2,
        "wakes": 1, "asleep_seconds": asleep, "saved_replica_hours": 2 * asleep / 3_600,
        "always_replica_hours": 4, "saved_ratio": asleep / 7_200, "waiting_requests": 2,
        "failed_requests": 0, "bad_requests": 2, "found_bad_ratio": 2 / 6, "most_waiting": 2,
        "wait_p50_seconds": 4.7, "wait_max_seconds": 8.7,
        "net_saving": 20 * asleep / 3_600 - 5 - 6, "break_even_wake_cost": 20 * asleep / 3_600 - 6,
    }  # fmt: skip
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    assert found.verdict == "pays"


def test_without_a_holder_the_same_requests_fail() -> None:
    """KEDA looks 45 s after the request at the latest: those at 3,700, 3,704 and 3,709 are refused."""
    found = reckoned("counter")
    assert found["wake_seconds"] == 15 + 30 + 2 + 4 + 1 + 1
    assert (found["waiting_requests"], found["failed_requests"]) == (3, 3)
    assert (found["holder_cost"], found["patience_seconds"]) == (0, 0)
    never = reckoned("own")
    assert (never["failed_requests"], never["wakes"]) == (3, 0)
    assert (never.verdict, never.cheapest) == ("violates the objective", None)
    assert "wait_max_seconds" not in never.numbers


def test_nothing_pays_that_never_wakes() -> None:
    """A trace that ends in a sleep has no bad request, but the next one would fail; not without a sleep."""
    assert reckoned("own", [100.0])["bad_requests"] == 0
    assert reckoned("own", [100.0]).verdict == "violates the objective"
    assert reckoned("own", [100.0], 400.0).verdict == "does not pay"


@pytest.mark.parametrize(
    ("asked", "verdict"),
    [
        ({}, "pays"),
        ({"bad_ratio": 0.3}, "violates the objective"),  # two of six
        ({"objective_seconds": 5.0, "bad_ratio": 0.3}, "pays"),  # that which waits 4.7 s is good
        ({"objective_seconds": 5.0, "bad_ratio": 0.3, "hold_seconds": 4.0}, "violates the objective"),
        ({"objective_seconds": 5.0, "bad_ratio": 0.3, "timeout_seconds": 4.0}, "violates the objective"),
        ({"wake_cost": 3.45}, "pays"),
        ({"wake_cost": 3.46}, "does not pay"),  # 2 x 6,225 s are 3.4583 replica-hours
        ({"holder_cost": 1.73}, "does not pay"),  # for two hours
        ({"cooldown_seconds": 7_200.0}, "does not pay"),  # nothing is ever slept through
    ],
)
def test_a_verdict_is_objective_first_then_money(asked: dict[str, Any], verdict: str) -> None:
    """Bad requests beyond the share allowed decide before any saving."""
    assert reckoned(**asked).verdict == verdict


def test_the_cheapest_cool_down_is_reckoned_too() -> None:
    """No request may be bad: only what follows the last one is slept through; 3,594 s is the longest gap."""
    found = reckoned(bad_ratio=0.0, seconds=20_000).cheapest
    assert found is not None
    assert (found["cooldown_seconds"], found["bad_requests"], found.verdict) == (3_594, 0, "pays")
    assert found.numbers["cooldown_seconds"].kind == "replayed"
    assert reckoned(bad_ratio=0.0).cheapest is None


@given(
    st.lists(st.integers(0, 4_000).map(lambda n: n / 4), max_size=30), st.integers(0, 4_000),
    st.sampled_from(sorted(WAYS)), st.integers(60, 2_000), st.floats(0, 50), st.floats(0, 20),
)  # fmt: skip
@settings(max_examples=100, deadline=None)
def test_every_number_follows_from_its_text(  # what it depends on
    lengths: list[float], rest: int, way: Any, cooldown: int, wake_cost: float, objective: float
) -> None:
    """Derived ones by Python's own arithmetic on their inputs, replayed ones from the walk through events."""
    times = list(accumulate(lengths))
    end = (times[-1] if times else 0.0) + rest + 0.25
    found = reckoned(
        way, times, end, cooldown_seconds=cooldown, wake_cost=wake_cost, objective_seconds=objective + 0.001
    )
    values = {name: each.value for name, each in found.numbers.items()}
    for name, each in found.numbers.items():
        assert each.meaning
        assert each.source
        assert all(values[key] == value for key, value in each.inputs.items()), name
        if each.kind == "derived":
            assert eval(each.formula, FUNCTIONS, dict(each.inputs)) == pytest.approx(each.value), name  # noqa: S307
        assert (each.kind in ("derived", "replayed")) == bool(each.formula), name
    timing = Timing(
        cooldown, values.get("wake_seconds", math.inf), values["late_seconds"],
        values.get("patience_seconds", 0.0), values["objective_seconds"],
    )  # fmt: skip
    told = events.story(times, end, timing)
    assert values["asleep_seconds"] == pytest.approx(told.asleep)
    assert (values["sleeps"], values["wakes"]) == (told.sleeps, told.wakes)
    assert values["waiting_requests"] == sum(wait > 0 for wait in told.waits)
    assert values["bad_requests"] == events.bad(told, timing)
    assert values["failed_requests"] == sum(wait > timing.patience_seconds for wait in told.waits)


def test_numbers_come_from_who_knows_them_best() -> None:
    """The user before the plan, the plan before ekiben.yaml, that before an assumption; each says so."""
    plan = plans.plan().numbers
    known = inputs(Asked(timeout_seconds=9.0), plan, SETTINGS)
    assert known["start_seconds"] is plan["start_seconds"]
    assert (known["min_replicas"].value, known["objective_seconds"].value) == (3, 0.05)
    assert (known["timeout_seconds"].value, known["timeout_seconds"].source) == (9, "the user")
    assert (known["window_seconds"].value, known["cooldown_seconds"].kind) == (60, "assumed")
    bare = inputs(Asked(start_seconds=4.0), {}, SETTINGS)
    assert (bare["min_replicas"].value, bare["min_replicas"].source) == (2, "a test")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"start_seconds": None}, "found no capacity plan"),
        ({"cooldown_seconds": 8.0}, "at least a wake, 8.7 s, found 8 s"),
        ({"cooldown_seconds": -1.0}, "cooldown_seconds between"),
        ({"replica_cost": math.nan}, "replica_cost between"),
        ({"min_replicas": 0}, "min_replicas between 1"),
        ({"bad_ratio": 1.5}, "bad_ratio between"),
        ({"poll_seconds": 60.0}, "a request could be missed"),
    ],
)
def test_what_cannot_be_is_refused(asked: dict[str, Any], said: str) -> None:
    """By name, with bounds; a rate's window must hold two samples and a look."""
    with pytest.raises(ConfigError, match=said) as error:
        reckoned(**asked)
    assert error.value.remedy or "between" in said


def test_a_window_is_long_enough_for_two_samples_and_a_look() -> None:
    """Samples every 15 s and looks every 30 s need 60 s, and 59 are refused."""
    assert reckoned("counter", window_seconds=60.0)
    with pytest.raises(ConfigError, match=r"2 \* scrape_seconds \+ poll_seconds = 60 s, found 59 s"):
        reckoned("counter", window_seconds=59.0)
    assert reckoned("holder", window_seconds=59.0)
    assert reckoned("own", window_seconds=1.0)
