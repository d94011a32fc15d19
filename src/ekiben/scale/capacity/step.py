"""One step of a search: a rate that was held for some time, and what may be said of it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ekiben.scale.capacity import sequential

Verdict = Literal["meets", "misses", "undecided", "invalid"]

# A sender that is later than this makes arrivals burstier than drawn, and latencies longer than they are.
LAG_BOUND_SECONDS = 0.001
_LAG_BOUND_OF_OBJECTIVE = 0.1  # what is added to a latency is then below what an objective is stated to
LITTLE_TOLERANCE_RATIO = 0.02


@dataclass(frozen=True, slots=True)
class Objective:
    """What a request is bad for, and how many may be.

    Attributes:
        latency_seconds: A request slower than this is bad, seconds, above 0; so is one that fails.
        bad_ratio: Share of requests that may be bad, 0 to 0.5, both excluded.
    """

    latency_seconds: float
    bad_ratio: float


@dataclass(frozen=True, slots=True)
class Step:
    """A rate that was held.

    Attributes:
        rate: Requests per second that the schedule asked for.
        seconds: How long, after its warm-up, seconds.
        requests: Requests judged.
        bad: Of these, late or failed.
        effect: Design effect of their correlation, at least 1.
        resolved: Whether the step was long enough for `effect` to be known.
        mean_seconds: Mean time under way (without the sender's lag), seconds.
        p99_seconds: 99th percentile of the latency, seconds.
        mean_outstanding: Requests under way, mean over time.
        answered_rate: Requests taken up per second, over the same time as `mean_outstanding`.
        lag_p99_seconds: 99th percentile of the sender's lag, seconds.
        cpu_cores: CPU-seconds per second that the server used; None if they were not read.
        variation: Standard deviation of the latency over its mean.
        faults: What else makes it invalid, e.g. requests that were not sent.
    """

    rate: float
    seconds: float
    requests: int
    bad: int
    effect: float
    resolved: bool
    mean_seconds: float
    p99_seconds: float
    mean_outstanding: float
    answered_rate: float
    lag_p99_seconds: float
    cpu_cores: float | None = None
    variation: float = 0.0
    faults: tuple[str, ...] = ()

    @property
    def bad_ratio(self) -> float:
        """Share of bad requests, 0-1."""
        return self.bad / self.requests if self.requests else 1.0

    def reasons(self, objective: Objective) -> tuple[str, ...]:
        """Say why the step is invalid; empty if it is valid."""
        return (*self.faults, *self._own(objective))

    def _own(self, objective: Objective) -> Iterator[str]:
        if self.requests == 0:
            yield "no request was judged"
            return
        allowed = max(LAG_BOUND_SECONDS, _LAG_BOUND_OF_OBJECTIVE * objective.latency_seconds)
        if not self.lag_p99_seconds <= allowed:
            yield (
                f"the sender was late: 99 % should leave within {allowed * 1e3:.1f} ms of their time, "
                f"found {self.lag_p99_seconds * 1e3:.1f} ms"
            )
        expected = self.answered_rate * self.mean_seconds
        if not abs(expected - self.mean_outstanding) <= LITTLE_TOLERANCE_RATIO * max(
            self.mean_outstanding, 1.0
        ):
            yield (
                f"Little's law does not hold: rate times latency is {expected:.3f} requests under way, "
                f"counted were {self.mean_outstanding:.3f}"
            )

    def verdict(self, objective: Objective, alpha: float) -> Verdict:
        """Decide whether the rate meets the objective.

        Args:
            objective: What is asked.
            alpha: Probability of a wrong decision, 0-1.
        """
        return "invalid" if self.reasons(objective) else self.decided(objective, alpha) or "undecided"

    def decided(self, objective: Objective, alpha: float) -> Literal["meets", "misses"] | None:
        """Decide from the counts alone; None while they do not suffice. As `verdict`, valid or not."""
        if not self.resolved:
            return None
        enough, (bad, requests) = -math.log(alpha), self._effective()
        bound = objective.bad_ratio
        if sequential.evidence_below(bad, requests, bound, bound) >= enough:
            return "meets"
        if sequential.evidence_above(bad, requests, bound, bound) >= enough:
            return "misses"
        return None

    def bounds(self, objective: Objective, alpha: float) -> tuple[float, float]:
        """Bounds of the share of bad requests, 0-1; each is wrong with a probability of at most alpha."""
        if not self.resolved:
            return 0.0, 1.0
        bad, requests = self._effective()
        return (
            sequential.lower_bound(bad, requests, alpha, objective.bad_ratio),
            sequential.upper_bound(bad, requests, alpha, objective.bad_ratio),
        )

    def _effective(self) -> tuple[float, float]:
        return self.bad / self.effect, self.requests / self.effect
