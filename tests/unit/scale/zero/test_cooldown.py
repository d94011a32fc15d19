"""The cheapest cool-down, against every whole second tried event by event."""

from __future__ import annotations

import math
from itertools import accumulate

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.scale.zero import events

from ekiben.scale.zero.cooldown import Prices, cheapest
from ekiben.scale.zero.sleeping import Timing

HALVES = st.integers(0, 40).map(lambda number: number / 2)


def test_a_cool_down_worked_out_by_hand() -> None:
    """Gaps of 10, 60 and 600 s twice each, then 0 s; a wake of 5 s makes one request bad.

    Of 6 requests one may be bad (0.2): one wake. Either of the gaps of 600 s would be the only longer one, so
    both are slept through or none. With two bad ones allowed (0.4) 60 s are the shortest: 2 x 540 s less.
    """
    times = list(accumulate([10, 60, 600, 10, 60, 600]))
    gaps = events.gaps(times, times[-1] + 0.5)
    timing = Timing(5, 5, 0, 0, 1)
    assert cheapest(gaps, timing, Prices(1.0), 0.2) is None
    assert cheapest(gaps, timing, Prices(1.0), 0.4) == 60
    assert cheapest(gaps, timing, Prices(1.0), 1.0) == 5  # all six: 5 + 55 + 595, twice
    assert cheapest(gaps, timing, Prices(1.0, wake=101.0), 1.0) == 60  # 1,080 - 2 wakes > 1,280 - 4
    assert cheapest(gaps, timing, Prices(1.0, standing=2_000.0), 1.0) is None
    assert cheapest(gaps, Timing(5, math.inf, 0, 0, 1), Prices(1.0), 1.0) is None


@given(
    st.lists(HALVES, min_size=1, max_size=15), HALVES,
    st.tuples(HALVES, HALVES, HALVES, HALVES),
    st.sampled_from([0.0, 0.1, 0.3, 1.0]), st.sampled_from([0.0, 0.5, 3.0]), st.sampled_from([0.0, 2.0]),
)  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_no_other_second_is_better(  # what it depends on
    lengths: list[float],
    rest: float,
    times: tuple[float, float, float, float],
    bad_ratio: float,
    wake_cost: float,
    standing: float,
) -> None:
    """Each cool-down from a wake to the whole trace: what is chosen keeps the objective and saves most."""
    arrivals = list(accumulate(lengths))
    end = arrivals[-1] + rest
    wake, late, patience, objective = times

    def net(cooldown: int) -> float:
        timing = Timing(cooldown, wake, late, patience, objective)
        told = events.story(arrivals, end, timing)
        if events.bad(told, timing) > bad_ratio * len(arrivals):
            return -math.inf
        return told.asleep - wake_cost * told.wakes - standing

    tried = {each: net(each) for each in range(math.ceil(wake), math.ceil(max(end, wake)) + 2)}
    found = cheapest(
        events.gaps(arrivals, end), Timing(wake, *times), Prices(1.0, wake_cost, standing), bad_ratio
    )
    best = max(tried.values())
    if found is None:
        assert best <= 0
    else:
        assert tried[found] == best > 0
