"""A user's own traffic: a CSV of time and count."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np

from ekiben.errors import ConfigError
from ekiben.scale.simulation.traffic import Traffic

_REMEDY = (
    "give a CSV of two columns, time (seconds or ISO 8601) and count, one row per interval, evenly spaced"
)
_SMOOTH_SECONDS = 30.0  # over which the references' rate is averaged


def read(path: Path) -> tuple[list[float], list[float]]:
    """Times and counts of a file; the first row may be a heading.

    Raises:
        ConfigError: No such file, or a row that cannot be read.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return parsed(csv.reader(file), str(path))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"expected a CSV at {path}, found: {error}", remedy=_REMEDY) from error


def parsed(rows: Iterable[Sequence[str]], name: str) -> tuple[list[float], list[float]]:
    """Times and counts of rows.

    Raises:
        ConfigError: A row that is not a time and a count.
    """
    times, counts = [], []
    for number, row in enumerate(rows, start=1):
        if not row:
            continue
        try:
            if len(row) != 2:  # noqa: PLR2004  # the two columns
                raise ValueError(f"{len(row)} columns")  # noqa: TRY301  # the same message as below
            time, count = _time(row[0]), float(row[1])
        except ValueError as error:
            if number == 1 and len(row) == 2:  # noqa: PLR2004  # a heading
                continue
            raise ConfigError(
                f"expected a time and a count in line {number} of {name}, found {','.join(row)!r}",
                remedy=_REMEDY,
            ) from error
        times.append(time)
        counts.append(count)
    return times, counts


def _time(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return datetime.fromisoformat(text.strip()).timestamp()


def traffic(times: Sequence[float], counts: Sequence[float], seed: int, scale: float = 1.0) -> Traffic:
    """The trace as arrivals: as many as counted, at any time of their interval.

    Args:
        times: Beginning of each interval, ascending, evenly spaced.
        counts: Requests of each interval, whole numbers, 0 and up.
        seed: Draws the times within intervals.
        scale: Multiplies the counts, above 0.

    Raises:
        ConfigError: Fewer than two rows, gaps, times that are unsorted or not finite, counts below 0.
    """
    if len(times) < 2:  # noqa: PLR2004  # one gives no interval
        raise ConfigError(f"expected a trace of at least two rows, found {len(times)}", remedy=_REMEDY)
    if not 0 < scale < math.inf:
        raise ConfigError(f"expected a scale above 0, found {scale!r}")
    step = times[1] - times[0]
    _check(times, counts, step)
    generator = np.random.default_rng(seed)
    exact = np.asarray(counts) * scale
    whole = np.floor(exact + generator.random(len(exact))).astype(np.int64)  # fractions by chance
    width = max(1, round(_SMOOTH_SECONDS / step))
    padded = np.pad(exact / step, (width // 2, width - 1 - width // 2), mode="edge")
    rates = np.convolve(padded, np.full(width, 1 / width), mode="valid")
    return Traffic.spread(whole, rates, generator, step)


def _check(times: Sequence[float], counts: Sequence[float], step: float) -> None:
    for number, (time, count) in enumerate(zip(times, counts, strict=True), start=1):
        if not math.isfinite(time) or time < 0:
            raise ConfigError(f"expected times of 0 or more, found {time!r} in row {number}", remedy=_REMEDY)
        if not math.isfinite(count) or count < 0:
            raise ConfigError(
                f"expected counts of 0 or more, found {count!r} in row {number}", remedy=_REMEDY
            )
        expected = times[0] + (number - 1) * step
        if number > 1 and time <= times[number - 2]:
            raise ConfigError(
                f"expected ascending times, found {time:g} after {times[number - 2]:g} in row {number}",
                remedy="sort the rows; one row per interval",
            )
        if step > 0 and abs(time - expected) > step / 100:
            raise ConfigError(
                f"expected a row every {step:g} s, found a gap before {time:g} in row {number}",
                remedy="write a row with count 0 where nothing came",
            )
