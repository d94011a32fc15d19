"""A user's own traffic: a CSV of time and count."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ekiben.errors import ConfigError
from ekiben.scale.simulation.rows import REMEDY, parsed
from ekiben.scale.simulation.traffic import Traffic, check_total

_SMOOTH_SECONDS = 30.0  # over which the references' rate is averaged


def read(path: Path) -> tuple[list[float], list[float]]:
    """Times (seconds) and counts of a file, as `rows.parsed` gives them.

    Raises:
        ConfigError: No such file, or no trace.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"expected a CSV at {path}, found: {error.strerror}", remedy=REMEDY) from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"expected a CSV in UTF-8 at {path}, found a byte that is none "
            f"({error.object[error.start]:#04x} at place {error.start})",
            remedy="decompress the file, or save it as text in UTF-8",
        ) from error
    return parsed(io.StringIO(text, newline=""), str(path))


def traffic(times: Sequence[float], counts: Sequence[float], seed: int, scale: float = 1.0) -> Traffic:
    """The trace as arrivals: as many as counted, at any time of their interval.

    Args:
        times: Beginning of each interval, seconds, as `read` gives them: two or more, evenly spaced.
        counts: Requests of each interval, 0 and up; what is no whole number is rounded by chance.
        seed: Draws the times within intervals.
        scale: Multiplies the counts, above 0.

    Raises:
        ConfigError: More requests than a run may have, or a scale that cannot be.
    """
    if not 0 < scale < math.inf:
        raise ConfigError(f"expected a scale above 0, found {scale!r}")
    step = (times[-1] - times[0]) / (len(times) - 1)
    generator = np.random.default_rng(seed)
    with np.errstate(over="ignore"):  # an infinite sum is refused
        exact = np.asarray(counts, dtype=np.float64) * scale
        check_total(float(exact.sum()))
    whole = np.floor(exact + generator.random(len(exact))).astype(np.int64)
    width = max(1, round(_SMOOTH_SECONDS / step))
    padded = np.pad(exact / step, (width // 2, width - 1 - width // 2), mode="edge")
    rates = np.convolve(padded, np.full(width, 1 / width), mode="valid")
    return Traffic.spread(whole, rates, generator, step)
