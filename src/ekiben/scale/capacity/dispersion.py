"""How much less correlated requests say than independent ones: batch means.

Requests that meet one queue are late together. The variance of the share of bad requests over blocks, against
that of independent requests, is the design effect D: n requests say as much as n/D independent ones.

Sources: batch means, A. Law and W. Kelton, "Simulation Modeling and Analysis", chapter 9; counts divided by
the design effect, J. Rao and A. Scott, "A simple method for the analysis of clustered binary data",
Biometrics 48(2), 1992.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BLOCKS = 32
# A correlation that decays exponentially has D = 2 relaxation times (in requests); 20 of them per block are
# usual, which is 10 D. Looking again and again finds the moment at which D happens to be small: simulated on
# M/M/1 queues at their capacity, with 35 looks and alpha 0.05, 12 % were decided at 40 D and 5 % at 80 D.
_BLOCK_EFFECTS = 80.0
# Blocks that are shorter by a factor make D larger by as much, up to this factor; beyond, D says nothing.
_SHORTEST = 8.0
# One standard deviation of a variance from 32 blocks, sqrt(2 / 31), on top: a D that is too small would
# decide too early.
_CAUTION = 1.0 + math.sqrt(2.0 / (BLOCKS - 1))


@dataclass(frozen=True, slots=True)
class Dispersion:
    """A design effect.

    Attributes:
        effect: D, at least 1.
        resolved: Whether the blocks are long enough for it to be known.
    """

    effect: float
    resolved: bool


def dispersion(late_seconds: NDArray[np.float64], bad: NDArray[np.bool_], bad_ratio: float) -> Dispersion:
    """Measure the design effect of a step.

    Where few requests are bad or none, their clusters cannot be seen; then the slowest requests of the step,
    as many as may be bad, stand for them.

    Args:
        late_seconds: Latencies in the order of intended times, seconds, shape (n,).
        bad: Which of them are bad, shape (n,).
        bad_ratio: Share that may be bad, 0-1.

    Returns:
        The larger of both effects, at least 1; not resolved with fewer than two requests per block.
    """
    length = len(bad) // BLOCKS
    if length < 2:  # noqa: PLR2004  # a block of one request has no correlation in it
        return Dispersion(float(max(1, len(bad))), resolved=False)
    effect = max(_effect(bad, length), 1.0)
    if bad.mean() <= bad_ratio:
        slowest = late_seconds > np.quantile(late_seconds, 1.0 - bad_ratio)
        effect = max(_effect(slowest, length), effect)
    short = max(1.0, _BLOCK_EFFECTS * effect / length)
    return Dispersion(effect * _CAUTION * short, resolved=short < _SHORTEST)


def _effect(marked: NDArray[np.bool_], length: int) -> float:
    blocks = marked[: length * BLOCKS].reshape(BLOCKS, length).mean(axis=1)
    share = float(blocks.mean())
    if not 0 < share < 1:
        return 1.0
    return float(length * blocks.var(ddof=1) / (share * (1 - share)))
