"""What the figures show, from the raw results: pure; `programs/draw.py` draws it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from typing import Any

from benchmarks import summary
from benchmarks.arms import ALL, PRODUCT, QUICKSTART
from benchmarks.models import MODELS
from benchmarks.plan import Cell
from benchmarks.results import Record
from benchmarks.summary import P99, RATE, Results

_MIB = 1 << 20


@dataclasses.dataclass(frozen=True, slots=True)
class Drawing:
    """One figure.

    Attributes:
        name: Of its file.
        title: Above it.
        axis: Quantity and unit.
        bars: Label, median, least, greatest; empty if it has lines.
        lines: Label and points (x, y).
    """

    name: str
    title: str
    axis: str
    bars: tuple[tuple[str, float, float, float], ...] = ()
    lines: tuple[tuple[str, tuple[tuple[float, float], ...]], ...] = ()

    def document(self) -> dict[str, Any]:
        """Give it as JSON."""
        return dataclasses.asdict(self)

    @property
    def mark(self) -> str:
        """Hash of what it shows; the file carries it, so that a stale one is found."""
        return hashlib.sha256(json.dumps(self.document(), sort_keys=True).encode()).hexdigest()[:16]


def drawings(records: Sequence[Record]) -> list[Drawing]:
    """Choose what can be drawn from these results."""
    results = Results.of(records)
    found = []
    for model in MODELS:
        cell = Cell(model.name, 1, 16)
        title = f"{model.title}: 1 row, 16 connections"
        rates, tails = _bars(results, cell, RATE, 1), _bars(results, cell, P99, 1e3)
        found.append(Drawing(f"{model.name}-throughput", title, "requests per second", bars=rates))
        found.append(Drawing(f"{model.name}-latency", title, "p99, milliseconds", bars=tails))
    found.append(_memory(records))
    return [each for each in found if each.bars or each.lines]


def _bars(
    results: Results, cell: Cell, name: str, factor: float
) -> tuple[tuple[str, float, float, float], ...]:
    known = ((arm.title, results.summary("matrix", arm.name, cell, name)) for arm in ALL)
    bars = [
        (title, each.median * factor, each.low * factor, each.high * factor)
        for title, each in known
        if each is not None
    ]
    return tuple(sorted(bars, key=lambda bar: bar[1]))


def _memory(records: Sequence[Record]) -> Drawing:
    lines = []
    for arm in (PRODUCT, QUICKSTART):
        for each in summary.chosen(records, "memory", arm=arm.name):
            step = each["sample_seconds"] / 60
            points = tuple(
                (round(at * step, 3), value / _MIB) for at, value in enumerate(each["memory_bytes"])
            )
            lines.append((arm.title, points))
    return Drawing("memory", "Memory under full load, minutes", "MiB", lines=tuple(lines))
