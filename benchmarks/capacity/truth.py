"""The true capacity of a replica from a run of fifteen minutes, with its error: pure.

What is sought is the rate at which the share of bad requests is eps. Near it the logarithm of the odds of a
bad request is close to linear in the rate (of M/M/1 queues the share is exp(-(mu - rate) X), exactly
log-linear), so two numbers, the crossing and the steepness, are fitted to all that was counted; no rate has
to be hit exactly. A share that is known within a factor f tells the rate within ln(f) / steepness, and the
steepness per relative change of the rate is about rate times X, usually 10 to 100: a share known to 20 % is a
rate known to 0.2 to 2 %.

- **Rates.** Five levels a round, at which the shares eps/3 to 3 eps are expected: further below nothing is
  counted, further above the queue is another one. Each round goes by what the rounds before it counted, so a
  bad first guess (the estimate of the search, or M/M/1 at the saturated rate) costs a round, no more.
- **Time.** Rounds ascend and descend in turn. Levels that follow one another differ little, so that the
  queue soon forgets the one before (its first seconds are left out), what is not forgotten works in both
  directions, and a machine that becomes slower over the run is seen by all levels alike.
- **Error.** Requests of one queue are late together; blocks of half a minute are much longer than that.
  Whole blocks are drawn again (bootstrap), the line is fitted again, and the middle 95 % of the crossings are
  the interval. It holds what the machine's speed did between blocks, too.
- **Steepness.** It is drawn towards that of M/M/1, rate times X, as by one observation with a standard
  deviation of as much: blocks among which the share happens not to rise would else put the crossing anywhere.
- **Local.** Blocks whose fitted odds are further from eps than a factor of 20 are left out, by their rate,
  not by what they counted.
- **Regime.** A queue forgets its past in about mu X^2 / 5 seconds at its capacity (M/M/1; mu: saturated
  rate); the models and objectives are such that this is at most a few seconds, a tenth of a block.
- **No truth** where the crossing is not between rates that were held, or the interval is wider than +-5 %.

Simulated on M/M/1 queues, 20 runs each (mu, X): one standard deviation of the truth was 1.5 % (250/s, 50 ms),
0.6 % (2,000/s, 20 ms), 0.5 % (1,000/s, 100 ms) and 0.3 % (4,000/s, 5 ms), the bias below a third of that; of
120 intervals 112 held the closed form, where 114 are expected.

Sources: M/M/1: L. Kleinrock, "Queueing Systems", volume 1, 1975, section 5.12; blocks: H. Kuensch, "The
jackknife and the bootstrap for general stationary observations", Annals of Statistics 17(3), 1989; levels
around a quantile: W. Dixon and A. Mood, "A method for obtaining and analyzing sensitivity data", Journal of
the American Statistical Association 43, 1948.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ekiben.scale.capacity.step import Objective

Floats = npt.NDArray[np.float64]

LEVELS = tuple(3.0 ** (power / 2) for power in (-2, -1, 0, 1, 2))  # times eps
WIDEST_RATIO = 0.05  # half of an interval, of the rate: what the search is to be judged by
_LEAST_BLOCKS = 10
_SPREAD_RATIO = (0.003, 0.10)  # of the outermost level from the crossing
_LOCAL = math.log(20.0)
_RESAMPLES = 500
_ITERATIONS = 40
_HAIR, _EXACT = 1e-6, 1e-6
_INTERVAL = (0.025, 0.975)
_STEEPNESS = (1.0, 2_000.0)  # per relative change of the rate


@dataclass(frozen=True, slots=True)
class Block:
    """A rate that was held for a while.

    Attributes:
        rate: Requests per second.
        requests: Requests judged.
        bad: Of these, late or failed.
    """

    rate: float
    requests: int
    bad: int


@dataclass(frozen=True, slots=True)
class Truth:
    """The rate at which the share of bad requests is what is allowed.

    Attributes:
        rate: It, requests/s.
        low: Lower end of its 95 % interval, requests/s.
        high: Upper end, requests/s.
        steepness: Growth of the logarithm of the odds per relative change of the rate.
        blocks: How many told of it.
        bracketed: Whether it lies between rates that were held.
    """

    rate: float
    low: float
    high: float
    steepness: float
    blocks: int
    bracketed: bool

    @property
    def half_width_ratio(self) -> float:
        """Half of the interval, of the rate."""
        return (self.high - self.low) / 2 / self.rate

    @property
    def known(self) -> bool:
        """Whether something may be judged by it."""
        return self.bracketed and self.blocks >= _LEAST_BLOCKS and self.half_width_ratio <= WIDEST_RATIO

    def share(self, rate: float, bad_ratio: float) -> float:
        """Share of bad requests at a rate near it, 0-1."""
        odds = math.log(bad_ratio / (1 - bad_ratio)) + self.steepness * (rate / self.rate - 1)
        return 1 / (1 + math.exp(-max(-700.0, min(700.0, odds))))


def blocks_of(record: Mapping[str, Any]) -> Iterator[Block]:
    """The blocks that a round counted, of its record."""
    for each in record["blocks"]:
        yield Block(each["rate"], each["requests"], each["bad"])


def first_guess(saturated_rate: float, objective: Objective) -> float:
    """Guess the crossing of an M/M/1 queue, requests/s; a third of the saturated rate at least."""
    wait = math.log(1 / objective.bad_ratio) / objective.latency_seconds
    return max(saturated_rate - wait, saturated_rate / 3)


def next_rates(blocks: Sequence[Block], objective: Objective, guess: float, number: int) -> list[float]:
    """Choose the rates of a round.

    Args:
        blocks: Of the rounds before.
        objective: What is asked.
        guess: The crossing as it seems without them, requests/s.
        number: Of the round, from 0; every other one descends.

    Returns:
        One for each of `LEVELS`.
    """
    centre, steepness = guess, guess * objective.latency_seconds
    if blocks:
        middle = float(np.median([block.rate for block in blocks]))
        centre, steepness = (float(each[0]) for each in _fitted(blocks, objective, middle))
        # Where all were good, or all bad, the line is no guide: go on from the end, not too far.
        held = [block.rate for block in blocks]
        centre = min(max(centre, 0.8 * min(held)), 1.2 * max(held))
    least, most = _SPREAD_RATIO
    outermost = min(max(math.log(LEVELS[-1]) / steepness, least), most)
    rates = [centre * (1 + outermost * math.log(level) / math.log(LEVELS[-1])) for level in LEVELS]
    return rates[::-1] if number % 2 else rates


def estimate(blocks: Sequence[Block], objective: Objective, seed: int = 0) -> Truth | None:
    """Fit the crossing.

    Args:
        blocks: Valid ones.
        objective: What is asked.
        seed: Of the blocks that are drawn again.

    Returns:
        None of no blocks.
    """
    if not blocks:
        return None
    centre = float(np.median([block.rate for block in blocks]))
    local = list(blocks)
    for _ in range(2):
        crossing, steepness = (float(each[0]) for each in _fitted(local, objective, centre))
        near = [each for each in blocks if abs(steepness * (each.rate / crossing - 1)) <= _LOCAL]
        local = near or local
    crossing, steepness = (float(each[0]) for each in _fitted(local, objective, centre))
    drawn = np.random.default_rng(seed).multinomial(
        len(local), np.full(len(local), 1 / len(local)), size=_RESAMPLES
    )
    low, high = np.quantile(_fitted(local, objective, centre, drawn.astype(np.float64))[0], _INTERVAL)
    bracketed = min(each.rate for each in local) <= crossing <= max(each.rate for each in local)
    return Truth(crossing, float(low), float(high), steepness, len(local), bracketed)


def _fitted(
    blocks: Sequence[Block], objective: Objective, centre: float, weights: Floats | None = None
) -> tuple[Floats, Floats]:
    """Fit log odds = level + steepness (rate / centre - 1), for each row of weights.

    Returns:
        Crossings, requests/s, and steepnesses per relative change of the crossing.
    """
    x = np.array([block.rate / centre - 1 for block in blocks])
    requests = np.array([float(block.requests) for block in blocks])
    bad = np.array([float(block.bad) for block in blocks])
    wanted = math.log(objective.bad_ratio / (1 - objective.bad_ratio))
    before = min(max(centre * objective.latency_seconds, _STEEPNESS[0]), _STEEPNESS[1])  # of M/M/1

    def fitted(many: Floats, effect: float) -> tuple[Floats, Floats]:
        return _newton(x, requests, bad, many, (wanted, before), effect / before**2)

    once = np.ones((1, len(blocks)))
    level, steepness = fitted(once, 1.0)
    share = _shares(level, steepness, x)[0]
    # Pearson's: how much more the blocks differ than independent requests would; each says so much less.
    expected = np.maximum(requests * share * (1 - share), _HAIR)
    effect = float(((bad - requests * share) ** 2 / expected).sum() / max(1, len(blocks) - 2))
    level, steepness = fitted(once if weights is None else weights, max(1.0, effect))
    crossing = centre * np.maximum(1 + (wanted - level) / steepness, 0.01)
    return crossing, steepness * crossing / centre


def _shares(level: Floats, steepness: Floats, x: Floats) -> Floats:
    shares: Floats = 1 / (1 + np.exp(-np.clip(level[:, None] + steepness[:, None] * x, -50, 50)))
    return shares


def _newton(
    x: Floats, requests: Floats, bad: Floats, many: Floats, begin: tuple[float, float], ridge: float
) -> tuple[Floats, Floats]:
    """Maximise the likelihood by Newton's steps, with a normal density of the steepness around its begin.

    Source: logistic regression by iteratively reweighted least squares, P. McCullagh and J. Nelder,
    "Generalized Linear Models", 1989, section 4.4.
    """
    level, steepness = (np.full(len(many), each) for each in begin)
    for _ in range(_ITERATIONS):
        share = _shares(level, steepness, x)
        weight, left = many * requests * share * (1 - share), many * (bad - requests * share)
        g0, g1 = left.sum(axis=1), (left * x).sum(axis=1) - ridge * (steepness - begin[1])
        h00, h01 = weight.sum(axis=1) + _HAIR, (weight * x).sum(axis=1)
        h11 = (weight * x * x).sum(axis=1) + ridge
        determinant = h00 * h11 - h01 * h01
        up = np.clip((h11 * g0 - h01 * g1) / determinant, -1, 1)
        steeper = np.clip((h00 * g1 - h01 * g0) / determinant, -steepness / 2, steepness)
        level, steepness = level + up, np.clip(steepness + steeper, *_STEEPNESS)
        if np.abs(up).max() < _EXACT and np.abs(steeper / steepness).max() < _EXACT:
            break
    return level, steepness
