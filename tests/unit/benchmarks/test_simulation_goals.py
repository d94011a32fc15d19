"""What simulated autoscalers were to reach, over runs that are made up."""

from __future__ import annotations

from typing import Any

import pytest
from benchmarks.simulation.goals import Judging, goals
from benchmarks.simulation.page import text

_JUDGING = Judging(1 / 60, "ours", ["| 1 | 15 s |"])
_MACHINE = {"cpu": "a", "cores": 2}


def _run(
    policy: str, violating: float, cost: float, surge: float | None = 0.0, **place: Any
) -> dict[str, Any]:
    found = {"workers": 1, "start_seconds": 15.0, "seed": 0, "family": "constant"} | place
    return {
        **found, "policy": policy, "violating_ratio": violating, "cost_ratio": cost, "actions": 1,
        "surge_per_second": surge, "code": "c", "commit": "d", "machine": _MACHINE,
    }  # fmt: skip


def _table(ours: tuple[float, float], **place: Any) -> list[dict[str, Any]]:
    return [
        _run("clairvoyant", 0.008, 1.0, **place),
        _run("ours", *ours, **place),
        _run("HPA CPU 50 %", 0.002, 1.5, **place),
        _run("Knative KPA", 0.002, 1.4, **place),
        _run("HPA CPU 80 %", 0.04, 1.0, **place),
    ]


def test_goals_are_met_where_each_is() -> None:
    """1.10 is 27 % below 1.5, 21 % below 1.4, and 1.1 times 1.0 with a tenth of the violations."""
    found = goals(_table((0.004, 1.10)), _JUDGING)
    assert [each.met for each in found] == [True] * 5
    assert [each.figure for each in found[1:3]] == ["1.100", "27%, 0.40% violating (theirs 0.20%)"]
    assert [each.best for each in found[2:]] == ["33%", "29%", "5.0 times at 1.00"]


@pytest.mark.parametrize(
    ("ours", "met"),
    [
        ((0.0101, 1.10), [False, True, False, False, False]),  # above 1 %: cheaper is not good enough
        ((0.004, 1.13), [True, False, False, False, True]),  # 24.7 % and 19.3 %
        ((0.004, 1.16), [True, False, False, False, False]),
        ((0.0081, 1.10), [True, True, True, True, False]),  # 4.9 times fewer
    ],
)
def test_a_goal_is_missed_by_its_own_figure(ours: tuple[float, float], met: list[bool]) -> None:
    """A little beyond each bound."""
    assert [each.met for each in goals(_table(ours), _JUDGING)] == met


def test_one_run_above_the_budget_misses_the_goal_of_every_run() -> None:
    """The mean of 0.1 and 1.1 % is 0.6 %."""
    runs = _table((0.001, 1.0)) + _table((0.011, 1.0), seed=1)
    first = goals(runs, _JUDGING)[0]
    assert (first.met, first.figure) == (False, "1 of 2 runs, 1.10% at most")


def test_only_runs_on_the_same_traffic_are_compared() -> None:
    """A dear CPU 50 % on a seed that ours did not run counts for nothing."""
    runs = [*_table((0.004, 1.10)), _run("HPA CPU 50 %", 0.0, 9.0, seed=1)]
    assert goals(runs, _JUDGING)[2].figure.startswith("27%")


def test_a_policy_that_was_not_run_is_no_goal_met() -> None:
    """Without CPU 80 % nothing is known against it; without ours, nothing at all."""
    found = goals(_table((0.004, 1.10))[:-1], _JUDGING)
    assert (found[-1].met, found[-1].figure) == (None, "not run")
    assert goals(_table((0.004, 1.10))[2:], _JUDGING) == []


def test_the_page_reports_what_is_beyond_the_stated_surge_apart() -> None:
    """A jump, and traffic that begins after nothing: neither is in the goals of the first table."""
    runs = _table((0.004, 1.10))
    runs += _table((0.05, 1.60), family="step", surge=2.0) + _table((0.2, 1.70), family="sparse", surge=None)
    page, _ = text(runs, _JUDGING)
    within, beyond = page.split("Beyond it")
    assert "ours in 1 runs (constant; starts of 15 s)" in within
    assert "1 of 1 runs, 0.40% at most" in within
    assert "ours in 2 runs (sparse, step; starts of 15 s)" in beyond
    assert "| sparse | from nothing | 0 of 1 |" in within
    assert "| step | 121x | 0 of 1 |" in within
    assert "| 1 | 15 s |" in within
