"""From raw results to medians, spreads and ratios: pure."""

from __future__ import annotations

import operator
import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from benchmarks.plan import Cell
from benchmarks.results import Record

RATE, P50, P99 = "requests_per_second", "p50_seconds", "p99_seconds"


@dataclass(frozen=True, slots=True)
class Summary:
    """What repeats gave.

    Attributes:
        median: Of them.
        low: Least.
        high: Greatest.
        count: How many.
    """

    median: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, values: Iterable[float]) -> Self | None:
        """Summarise values; None if there is none."""
        found = list(values)
        return cls(statistics.median(found), min(found), max(found), len(found)) if found else None

    @property
    def spread_ratio(self) -> float:
        """Difference of the extremes over the median."""
        return (self.high - self.low) / self.median


@dataclass(frozen=True, slots=True)
class Results:
    """The measurements of one series, without what failed.

    Attributes:
        records: By experiment, arm and cell, then by repeat.
    """

    records: Mapping[tuple[str, str, Cell], Mapping[int, Record]]

    @classmethod
    def of(cls, records: Iterable[Record]) -> Self:
        """Sort the records of loads."""
        found: dict[tuple[str, str, Cell], dict[int, Record]] = {}
        for record in records:
            if "failure" not in record and RATE in record:
                cell = Cell(record["model"], record["rows"], record["connections"])
                found.setdefault((record["experiment"], record["arm"], cell), {})[record["repeat"]] = record
        return cls(found)

    def summary(self, experiment: str, arm: str, cell: Cell, name: str = RATE) -> Summary | None:
        """Summarise a figure over the repeats; None if it was not measured."""
        return Summary.of(record[name] for record in self._of(experiment, arm, cell).values())

    def ratio(self, experiment: str, above: str, below: str, cell: Cell, name: str = RATE) -> Summary | None:
        """Divide one arm's figure by another's of the same block, then summarise over the repeats.

        The two of a block were measured within a minute, so that a machine that
        drifts drifts for both.
        """
        return self._paired(experiment, above, below, cell, name, operator.truediv)

    def difference(self, experiment: str, more: str, less: str, cell: Cell, name: str) -> Summary | None:
        """Subtract one arm's figure from another's of the same block, then summarise over the repeats."""
        return self._paired(experiment, more, less, cell, name, operator.sub)

    def cells(self, experiment: str) -> list[Cell]:
        """Which cells of an experiment have results."""
        return sorted({cell for name, _, cell in self.records if name == experiment})

    def _paired(
        self,
        experiment: str,
        first: str,
        second: str,
        cell: Cell,
        name: str,
        combine: Callable[[float, float], float],
    ) -> Summary | None:
        firsts, seconds = self._of(experiment, first, cell), self._of(experiment, second, cell)
        both = sorted(firsts.keys() & seconds.keys())
        return Summary.of(combine(firsts[repeat][name], seconds[repeat][name]) for repeat in both)

    def _of(self, experiment: str, arm: str, cell: Cell) -> Mapping[int, Record]:
        return self.records.get((experiment, arm, cell), {})


def growth_bytes(samples: list[int], sample_seconds: float) -> float:
    """Growth of memory: median of the last minute less median of the second one.

    The first minute is the allocator's and the caches' own.

    Raises:
        ValueError: Less than three minutes were sampled.
    """
    minute = round(60 / sample_seconds)
    if len(samples) < 3 * minute:
        raise ValueError(f"expected three minutes of samples, found {len(samples) * sample_seconds:g} s")
    return statistics.median(samples[-minute:]) - statistics.median(samples[minute : 2 * minute])


def chosen(records: Iterable[Record], experiment: str, **of: Any) -> list[Record]:
    """Find records of an experiment by some of their fields, without what failed."""
    return [
        record
        for record in records
        if record["experiment"] == experiment
        and "failure" not in record
        and all(record.get(name) == value for name, value in of.items())
    ]
