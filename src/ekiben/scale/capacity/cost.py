"""What a request costs: CPU time as a slope over the steps, told apart from what an idle replica uses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scipy import stats

from ekiben.errors import NoDataError
from ekiben.scale.capacity.step import Step

_LEAST_STEPS = 2
_TWO_SIDED = 0.975  # quantile of a 95 % interval


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU time of a replica: cores = idle_cores + cpu_seconds x rate.

    Attributes:
        cpu_seconds: Per request, CPU-seconds, above 0.
        interval: 95 % interval of it, CPU-seconds; None of fewer than three steps.
        idle_cores: Without requests, cores, at least 0.
    """

    cpu_seconds: float
    interval: tuple[float, float] | None
    idle_cores: float


def cost(steps: Sequence[Step]) -> Cost:
    """Fit a line to the CPU use of steps by their rates of answers.

    Args:
        steps: Valid ones; those without a reading of CPU time are left out.

    Raises:
        NoDataError: Fewer than two rates, or CPU time that does not grow with the rate.

    Source: least squares, https://docs.scipy.org/doc/scipy/reference/generated/scipy.stats.linregress.html
    """
    read = [(step.answered_rate, step.cpu_cores) for step in steps if step.cpu_cores is not None]
    if len({rate for rate, _ in read}) < _LEAST_STEPS:
        raise NoDataError(f"expected CPU time at {_LEAST_STEPS} rates or more, found it in {len(read)} steps")
    rates, cores = zip(*read, strict=True)
    line = stats.linregress(rates, cores)
    if not line.slope > 0:
        raise NoDataError(
            f"expected CPU time that grows with the rate, found {line.slope:.3g} CPU-seconds per request",
            remedy="measure again: the process that was read may not be the one that answered",
        )
    interval = None
    if len(read) > _LEAST_STEPS:
        half = float(stats.t.ppf(_TWO_SIDED, len(read) - 2) * line.stderr)
        interval = (max(0.0, float(line.slope) - half), float(line.slope) + half)
    return Cost(float(line.slope), interval, max(0.0, float(line.intercept)))
