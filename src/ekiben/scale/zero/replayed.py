"""What a replay found, as numbers that say in words how they were found."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ekiben.scale.plan.quantity import Quantity
from ekiben.scale.zero.gaps import Gaps
from ekiben.scale.zero.sleeping import Sleep

_SOURCE = "ekiben.scale.zero.sleeping, on the trace"


class _Term(NamedTuple):
    """A number: its unit, what it is, how it is found, and from which inputs."""

    unit: str
    meaning: str
    formula: str
    takes: tuple[str, ...] = ()


_TERMS: Mapping[str, _Term] = {
    "requests": _Term("requests", "requests of the trace", "count of requests"),
    "trace_seconds": _Term("s", "length of the trace", "rows x their interval"),
    "sleeps": _Term(
        "", "times without a replica", "count of gaps > cooldown_seconds", ("cooldown_seconds",)
    ),
    "wakes": _Term(
        "", "sleeps that a request ended", "count of sleeps before a request", ("cooldown_seconds",)
    ),
    "asleep_seconds": _Term(
        "s", "time without a replica, at least",
        "sum of max(0, gap - cooldown_seconds - late_seconds) over sleeps",
        ("cooldown_seconds", "late_seconds"),
    ),
    "waiting_requests": _Term(
        "requests", "requests that find no replica, at most",
        "count of requests less than wake_seconds after one that wakes", ("wake_seconds",),
    ),
    "failed_requests": _Term(
        "requests", "those that fail, at most", "count of waits > patience_seconds", ("patience_seconds",)
    ),
    "bad_requests": _Term(
        "requests", "those that fail or are answered too late, at most",
        "count of waits > min(patience_seconds, objective_seconds)",
        ("patience_seconds", "objective_seconds"),
    ),
    "most_waiting": _Term(
        "requests", "most of them at one wake", "largest count at a wake", ("wake_seconds",)
    ),
}  # fmt: skip
_WAITS: Mapping[str, float] = {"wait_p50_seconds": 0.5, "wait_p99_seconds": 0.99, "wait_max_seconds": 1.0}


def replayed(gaps: Gaps, found: Sleep, known: Mapping[str, Quantity]) -> dict[str, Quantity]:
    """Give every number of a replay.

    Args:
        gaps: The trace.
        found: What came of it.
        known: The inputs of the replay, by name.

    Returns:
        By name; without waits where none ends, or nobody waits.
    """
    values = {
        "requests": len(gaps.times),
        "trace_seconds": gaps.seconds,
        "sleeps": found.sleeps,
        "wakes": found.wakes,
        "asleep_seconds": found.asleep_seconds,
        "waiting_requests": len(found.waits),
        "failed_requests": found.failed,
        "bad_requests": found.bad,
        "most_waiting": found.most_waiting,
    }
    made = {name: _quantity(term, values[name], known) for name, term in _TERMS.items()}
    if len(found.waits) and math.isfinite(found.waits[-1]):
        for name, share in _WAITS.items():
            term = _Term(
                "s", "from a request that finds no replica to a ready one",
                f"quantile {share:g} of the waits", ("wake_seconds",),
            )  # fmt: skip
            wait = float(np.quantile(found.waits, share, method="inverted_cdf"))
            made[name] = _quantity(term, wait, known)
    return made


def _quantity(term: _Term, value: float, known: Mapping[str, Quantity]) -> Quantity:
    return Quantity(
        value=value,
        unit=term.unit,
        kind="replayed",
        meaning=term.meaning,
        source=_SOURCE,
        formula=term.formula,
        inputs={name: known[name].value for name in term.takes if name in known},
    )
