"""The search for C*: the largest rate at which one replica still meets its objective."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from ekiben.errors import AcceptanceError, NoDataError
from ekiben.scale.capacity.bounds import Bound, bounds, estimate
from ekiben.scale.capacity.step import Objective, Step, Verdict

Measure = Callable[[float], Step]

_LEAST_VALID = 2
_FAR_BELOW = 0.5  # of the share of bad requests that is allowed: worth going on upwards


@dataclass(frozen=True, slots=True)
class Plan:
    """How to search.

    Attributes:
        first_rate: Where to begin, requests/s.
        least_rate: Below this no rate is tried, requests/s.
        most_rate: Above this none is tried (what the sender can do), requests/s.
        alpha: Probability that a decision about a rate is wrong, 0-1.
        resolution_ratio: The search ends when both sides of C* are this close, as a ratio of the rate.
        most_steps: Steps at most.
    """

    first_rate: float
    least_rate: float
    most_rate: float
    alpha: float = 0.05
    resolution_ratio: float = 0.03
    most_steps: int = 14


@dataclass(frozen=True, slots=True)
class Capacity:
    """What was found.

    Attributes:
        rate: C*, requests/s: the largest rate whose upper bound of bad requests is within the objective.
        failing_rate: The smallest rate whose lower bound is above it; None if none was found.
        estimate: Where the isotonic fit crosses the objective, requests/s; not below `rate`, without a bound.
        limited: Whether `rate` is as high as the sender goes, and not what the replica carries at most.
        alpha: Probability that a decision about a rate was wrong.
        steps: All steps, in the order in which they were made.
        bounds: The fit, by ascending rate; valid steps only.
    """

    rate: float
    failing_rate: float | None
    estimate: float
    limited: bool
    alpha: float
    steps: tuple[Step, ...]
    bounds: tuple[Bound, ...]


@dataclass(slots=True)
class _Search:
    """The state of a search: what is known, and what seems, on both sides of C*."""

    measure: Measure
    objective: Objective
    plan: Plan
    more: Callable[[], bool]
    steps: list[Step] = field(default_factory=list)
    meets: float = 0.0
    seems: float = 0.0
    fails: float = math.inf
    strict: bool = False

    def attempt(self, rate: float) -> None:
        """Hold a rate; an invalid step is made once more, and then counts as a rate not to go to."""
        verdict: Verdict = "invalid"
        for _ in range(2):
            if not self.open:
                return
            step = self.measure(rate)
            self.steps.append(step)
            verdict = step.verdict(self.objective, self.plan.alpha)
            if verdict != "invalid":
                break
        if verdict == "meets":
            self.meets = max(self.meets, rate)
        elif verdict == "undecided" and not self.strict and self._far_below(rate):
            self.seems = max(self.seems, rate)
        else:  # not to be relied upon
            self.fails = min(self.fails, rate)

    def _far_below(self, rate: float) -> bool:
        step = self.steps[-1]
        return step.rate == rate and step.bad_ratio <= _FAR_BELOW * self.objective.bad_ratio

    @property
    def open(self) -> bool:
        return len(self.steps) < self.plan.most_steps and self.more()

    @property
    def next_rate(self) -> float | None:
        """The rate to hold next; None when nothing is left to be found."""
        plan, low = self.plan, max(self.meets, self.seems)
        if not self.steps:
            return min(plan.first_rate, plan.most_rate)
        if self.fails == math.inf and low < plan.most_rate:
            return min(2 * low, plan.most_rate)
        if low == 0:
            return self.fails / 2 if self.fails / 2 >= plan.least_rate else None
        if self.fails > low * (1 + plan.resolution_ratio) and self.fails < math.inf:
            return (low + self.fails) / 2
        if self.seems <= self.meets:
            return None
        # What only seems to hold is held once more; if that does not show it, the search goes below it.
        self.strict, self.seems, rate = True, 0.0, self.seems
        return rate


def search(
    measure: Measure, objective: Objective, plan: Plan, more: Callable[[], bool] = lambda: True
) -> Capacity:
    """Double the rate until it fails, then bisect; conclude from all steps together.

    Args:
        measure: Holds a rate, requests/s, and tells what came of it.
        objective: What is asked.
        plan: How to search.
        more: Asked before each step; False ends the search with what is known.

    Raises:
        NoDataError: Fewer than two steps were valid: what is found is no measurement.
        AcceptanceError: No rate meets the objective.
    """
    state = _Search(measure, objective, plan, more)
    while state.open and (rate := state.next_rate) is not None:
        state.attempt(rate)
    return conclude(tuple(state.steps), objective, plan.alpha, plan.most_rate)


def conclude(steps: tuple[Step, ...], objective: Objective, alpha: float, most_rate: float) -> Capacity:
    """Conclude from steps; the same steps give the same capacity, so that it can be computed again.

    Args:
        steps: As they were measured.
        objective: What is asked.
        alpha: Probability that a decision about a rate is wrong, 0-1.
        most_rate: The highest rate that could have been tried, requests/s.

    Raises:
        NoDataError: Fewer than two of them are valid.
        AcceptanceError: None meets the objective.
    """
    valid = [step for step in steps if not step.reasons(objective)]
    if len(valid) < _LEAST_VALID:
        raise NoDataError(
            f"expected at least {_LEAST_VALID} valid steps of load, found {len(valid)} of {len(steps)}"
            + "".join(f"\n  {step.rate:.1f} requests/s: {_why(step, objective)}" for step in steps),
            remedy="end what else runs on this machine, or give the search more time, and measure again",
        )
    found = bounds(valid, objective, alpha)
    within = [each.rate for each in found if each.upper <= objective.bad_ratio]
    if not within:
        raise _none_meets(valid, objective)
    rate = max(within)
    above = [each.rate for each in found if each.rate > rate and each.lower > objective.bad_ratio]
    crossing = max(rate, estimate(found, objective.bad_ratio))
    return Capacity(
        rate, min(above, default=None), crossing, rate >= most_rate and not above, alpha, steps, found
    )


def _why(step: Step, objective: Objective) -> str:
    return "; ".join(step.reasons(objective)) or "valid"


def _none_meets(valid: list[Step], objective: Objective) -> AcceptanceError:
    least = min(valid, key=lambda step: step.rate)
    wanted = f"p{100 * (1 - objective.bad_ratio):g} <= {objective.latency_seconds * 1e3:g} ms"
    if least.bad_ratio <= objective.bad_ratio:
        return AcceptanceError(
            f"expected a rate that is shown to meet {wanted}, found none: at {least.rate:.2f} requests/s "
            f"{least.bad} of {least.requests} requests were bad, too few requests to decide",
            remedy="give the search more time (--seconds)",
        )
    return AcceptanceError(
        f"expected a replica that meets {wanted}, found none at any rate: at {least.rate:.2f} requests/s, "
        f"the lowest, {least.bad_ratio:.1%} of {least.requests} requests were bad, and p99 was "
        f"{least.p99_seconds * 1e3:.1f} ms",
        remedy=f"that rate it could carry with p99 <= {1.2 * least.p99_seconds * 1e3:.0f} ms; "
        "or make the model smaller (bento.compression)",
    )
