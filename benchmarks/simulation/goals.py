"""What simulated autoscalers were to reach, within the stated surge and, apart, beyond it: pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Run = dict[str, Any]
_MOST_RATIO = 0.01  # of bad requests
_MOST_COST = 1.12
_CHEAPER_THAN = {"HPA CPU 50 %": 0.25, "Knative KPA": 0.20}
_FEWER_THAN, _FEWER, _AT_COST = "HPA CPU 80 %", 5.0, 1.15
_CLAIRVOYANT = "clairvoyant"


@dataclass(frozen=True, slots=True)
class Judging:
    """What runs are judged by.

    Attributes:
        stated: The surge that was stated, as growth per second.
        policy: The one whose goals these are.
        derived: Rows of the table of what a plan derives, in Markdown.
    """

    stated: float
    policy: str
    derived: Sequence[str] = ()

    def within(self, run: Run) -> bool:
        """Whether the traffic of a run grows no faster than was stated; null is a growth without bound."""
        met = run["surge_per_second"]
        return met is not None and met <= self.stated


@dataclass(frozen=True, slots=True)
class Goal:
    """One goal and what came of it.

    Attributes:
        text: What was wanted.
        figure: What is.
        met: Whether that is enough; None where it is not known.
        best: The same figure of the clairvoyant: what nobody can better in these runs.
    """

    text: str
    figure: str
    met: bool | None
    best: str = ""


def place(run: Run) -> tuple[Any, ...]:
    """What two policies must have in common to be compared."""
    return tuple(run[name] for name in ("workers", "start_seconds", "seed", "family"))


def paired(runs: Iterable[Run], one: str, other: str) -> tuple[list[Run], list[Run]]:
    """Runs of two policies on the same traffic and replicas, in the same order."""
    found: dict[str, dict[tuple[Any, ...], Run]] = {one: {}, other: {}}
    for run in runs:
        if run["policy"] in found:
            found[run["policy"]][place(run)] = run
    common = [each for each in found[one] if each in found[other]]
    return [found[one][each] for each in common], [found[other][each] for each in common]


def goals(runs: Sequence[Run], judging: Judging) -> list[Goal]:
    """All goals over some runs.

    Args:
        runs: Of all policies; those within or those beyond the stated surge.
        judging: Whose goals.
    """
    own = [run for run in runs if run["policy"] == judging.policy]
    if not own:
        return []
    best, _ = paired(runs, _CLAIRVOYANT, judging.policy)
    return [
        _violations(own, best),
        Goal(
            f"mean cost at most {_MOST_COST:g} times the clairvoyant's",
            f"{_mean(own, 'cost_ratio'):.3f}",
            _mean(own, "cost_ratio") <= _MOST_COST,
            "1.00" if best else "",
        ),
        *(_cheaper(runs, judging.policy, other, least) for other, least in _CHEAPER_THAN.items()),
        _fewer(runs, judging.policy),
    ]


def _violations(own: Sequence[Run], best: Sequence[Run]) -> Goal:
    def figure(runs: Sequence[Run]) -> str:
        above = sum(run["violating_ratio"] > _MOST_RATIO for run in runs)
        most = max(run["violating_ratio"] for run in runs)
        return f"{len(runs) - above} of {len(runs)} runs, {most:.2%} at most"

    met = all(run["violating_ratio"] <= _MOST_RATIO for run in own)
    text = f"at most {_MOST_RATIO:.0%} violating in every run"
    return Goal(text, figure(own), met, figure(best) if best else "")


def _against(
    runs: Sequence[Run], policy: str, other: str, figure: Callable[[list[Run], list[Run]], str]
) -> tuple[list[Run], list[Run], str]:
    ours, theirs = paired(runs, policy, other)
    best, beside = paired(runs, _CLAIRVOYANT, other)
    return ours, theirs, figure(best, beside) if best else ""


def _cheaper(runs: Sequence[Run], policy: str, other: str, least: float) -> Goal:
    def saving(ours: list[Run], theirs: list[Run]) -> float:
        return 1 - _mean(ours, "cost_ratio") / _mean(theirs, "cost_ratio")

    text = f"at least {least:.0%} cheaper than {other}, at most {_MOST_RATIO:.0%} violating"
    ours, theirs, best = _against(runs, policy, other, lambda one, two: f"{saving(one, two):.0%}")
    if not ours:
        return Goal(text, "not run", None)
    violating, cheaper = _mean(ours, "violating_ratio"), saving(ours, theirs)
    figure = f"{cheaper:.0%}, {violating:.2%} violating (theirs {_mean(theirs, 'violating_ratio'):.2%})"
    return Goal(text, figure, cheaper >= least and violating <= _MOST_RATIO, best)


def _fewer(runs: Sequence[Run], policy: str) -> Goal:
    def compared(ours: list[Run], theirs: list[Run]) -> tuple[float, float]:
        violating = _mean(ours, "violating_ratio")
        times = _mean(theirs, "violating_ratio") / violating if violating else float("inf")
        return times, _mean(ours, "cost_ratio") / _mean(theirs, "cost_ratio")

    def figure(ours: list[Run], theirs: list[Run]) -> str:
        times, cost = compared(ours, theirs)
        return f"{times:.1f} times at {cost:.2f}"

    text = f"{_FEWER:g} times fewer violations than {_FEWER_THAN}, at {_AT_COST:g} times its cost or less"
    ours, theirs, best = _against(runs, policy, _FEWER_THAN, figure)
    if not ours:
        return Goal(text, "not run", None)
    times, cost = compared(ours, theirs)
    return Goal(text, figure(ours, theirs), times >= _FEWER and cost <= _AT_COST, best)


def _mean(runs: Iterable[Run], key: str) -> float:
    return float(np.mean([run[key] for run in runs]))
