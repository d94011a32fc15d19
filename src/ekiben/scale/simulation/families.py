"""Synthetic traffic, seeded; shapes of which real traffic is made, none of it anybody's.

The daily ones follow counts of two real streams: a day's peak hour at 4.6 times its trough, minute variance
near Poisson's, 11 bursts above twice the median a day, of 7 minutes, growth of 30-s means over 60 s of 1.8 at
the 99th and 4.1 at the 99.9th percentile.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ekiben.scale.simulation.traffic import Floats, Traffic

HOUR = 3600
STRETCH = 4 * HOUR  # of what happens once: an hour would count its beginning and end too much
DAY = 86_400
Shape = Callable[[np.random.Generator], Floats]


def _constant(_generator: np.random.Generator) -> Floats:
    return np.full(HOUR, 0.6)


def _step(generator: np.random.Generator) -> Floats:
    """Threefold at once, and back."""
    begin = int(generator.integers(HOUR, HOUR + 600))
    rates = np.full(STRETCH, 0.33)
    rates[begin : begin + HOUR] = 1.0
    return rates


def _ramp(generator: np.random.Generator) -> Floats:
    """Fourfold within ten minutes, held, and back within twenty."""
    begin = int(generator.integers(300, 900))
    return np.interp(
        np.arange(HOUR), [begin, begin + 600, begin + 1200, begin + 2400], [0.25, 1.0, 1.0, 0.25]
    )


def _flash(generator: np.random.Generator) -> Floats:
    """Fivefold within a minute, then decaying over ten."""
    begin = int(generator.integers(HOUR, HOUR + 600))
    time = np.arange(STRETCH) - begin
    rise = np.clip(time / 60, 0, 1)
    return np.asarray(0.2 + 0.8 * rise * np.exp(-np.maximum(0, time - 120) / 600))


def _bursty(generator: np.random.Generator) -> Floats:
    """Two states of exponential length, 2.5-fold apart (a Markov-modulated Poisson process)."""
    rates, at, high = np.full(HOUR, 0.4), 0.0, False
    while at < HOUR:
        length = generator.exponential(120 if high else 240)
        if high:
            rates[int(at) : int(at + length)] = 1.0
        at, high = at + length, not high
    return rates


def _sparse(generator: np.random.Generator) -> Floats:
    """On for a minute or two, off for five."""
    rates, at = np.zeros(HOUR), float(generator.exponential(300))
    while at < HOUR:
        length = generator.exponential(90)
        rates[int(at) : int(at + length)] = 0.25
        at += length + generator.exponential(300)
    return rates


def _wandering(generator: np.random.Generator, steps: int, deviation: float, memory_seconds: float) -> Floats:
    """An Ornstein-Uhlenbeck process around 0, one step a second."""
    keep = np.exp(-1 / memory_seconds)
    shocks = generator.normal(0, deviation * np.sqrt(1 - keep**2), steps).tolist()
    level, found = 0.0, []
    for shock in shocks:
        level = keep * level + shock
        found.append(level)
    return np.array(found)


def _diurnal(generator: np.random.Generator) -> Floats:
    """A day from trough to peak, 4.6 apart, with slow noise."""
    phase = 2 * np.pi * (np.arange(DAY) / DAY + generator.random())
    day = np.exp(np.log(4.6) / 2 * np.sin(phase))
    return np.asarray(day * np.exp(_wandering(generator, DAY, 0.05, 600)))


def _social(generator: np.random.Generator) -> Floats:
    """A day with bursts that nobody announced."""
    rates, time = _diurnal(generator), np.arange(DAY)
    for _ in range(generator.poisson(11)):
        begin, rise = generator.uniform(0, DAY), generator.lognormal(np.log(45), 0.5)
        height, decay = generator.pareto(2.5) + 1.0, generator.lognormal(np.log(420), 0.5)
        since = time - begin
        shape = np.clip(since / rise, 0, 1) * np.exp(-np.maximum(0, since - rise) / decay)
        rates = rates * (1 + height * shape)
    return rates


FAMILIES: dict[str, Shape] = {
    "constant": _constant,
    "step": _step,
    "ramp": _ramp,
    "flash": _flash,
    "bursty": _bursty,
    "sparse": _sparse,
    "diurnal": _diurnal,
    "social": _social,
}
_ABSOLUTE = frozenset({"constant", "step", "ramp", "flash", "bursty", "sparse"})


def traffic(family: str, peak_rate: float, seed: int) -> Traffic:
    """One run's traffic.

    Args:
        family: A key of `FAMILIES`.
        peak_rate: Requests per second; the daily families reach it in their busiest minute.
        seed: Same seed, same arrivals.
    """
    generator = np.random.default_rng([seed, sorted(FAMILIES).index(family)])
    shape = FAMILIES[family](generator)
    if family not in _ABSOLUTE:
        shape = shape / shape[: len(shape) // 60 * 60].reshape(-1, 60).mean(axis=1).max()
    return Traffic.drawn(shape * peak_rate, generator)
