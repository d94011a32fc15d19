"""How fast traffic grows, as a plan states it: what a policy was promised, and what it met."""

from __future__ import annotations

import math

from ekiben.errors import ConfigError
from ekiben.scale.simulation.traffic import Floats


def surge_per_second(rates: Floats, step_seconds: float, horizon_seconds: float) -> float:
    """The least surge that holds all of a traffic: a plan's `surge_per_second`.

    A plan takes the rate to grow from any moment on by at most g per second of what there was at it:
    rate(t + d) <= rate(t) (1 + g d). This is the least such g. What jumps from one step to the next does so
    within a step, so that a jump is within few surges: no replica starts as fast.

    Args:
        rates: Requests per second of each step, 0 and up; the curve, not what was drawn from it.
        step_seconds: Length of a step, above 0.
        horizon_seconds: Longest d: beyond it a surge is a new one. `2x/60s` speaks of 60.

    Returns:
        Share of the rate per second, 0 and up; infinity where traffic begins after there was none.

    Raises:
        ConfigError: A step or a horizon that cannot be.

    Source: docs/scaling.md, section 4
    """
    if not (0 < step_seconds < math.inf and step_seconds <= horizon_seconds < math.inf):
        raise ConfigError(
            "expected a step above 0 s and a horizon of one step at least, "
            f"found {step_seconds!r} and {horizon_seconds!r}"
        )
    found = 0.0
    for steps in range(1, min(len(rates) - 1, int(horizon_seconds / step_seconds)) + 1):
        before, after = rates[:-steps], rates[steps:]
        if (after[before == 0] > 0).any():
            return math.inf
        ratios = after[before > 0] / before[before > 0]
        found = max(found, float(ratios.max(initial=1.0) - 1) / (steps * step_seconds))
    return found
