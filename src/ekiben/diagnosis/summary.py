"""The closing page's content for a terminal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ekiben.diagnosis.run import RoadRun, bins, story
from ekiben.diagnosis.sparkline import sparkline

if TYPE_CHECKING:
    from rich.console import RenderableType

_WIDTH = 60


def rows(run: RoadRun) -> list[tuple[str, str]]:
    """Give label and text of each line, in the order of the page."""
    found = [
        ("model", run.model),
        ("image", run.image),
        ("URL", run.url),
        ("revision", run.revision),
        ("asked", json.dumps(run.request, ensure_ascii=False)),
        ("answered", json.dumps(run.answer, ensure_ascii=False)),
        *(("load" if number == 0 else "", text) for number, text in enumerate(story(run))),
        *_trends(run),
        *(("note", note) for note in run.notes),
        *((f"{one.seconds:.1f} s", f"{one.name}{' (kept)' if one.kept else ''}") for one in run.stations),
    ]
    return found + [("next", f"{one.command}   # {one.purpose}") for one in run.next_commands]


def lines(run: RoadRun) -> list[str]:
    """Give the summary as plain text."""
    return [f"{label:<9} {text}".rstrip() for label, text in rows(run)]


def render(run: RoadRun) -> RenderableType:
    """Give the summary for a terminal."""
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for label, text in rows(run):
        table.add_row(label, Text(text, style="yellow" if label == "note" else ""))
    return table


def _trends(run: RoadRun) -> list[tuple[str, str]]:
    """Replicas, rate and p99 as rows of blocks over the same time."""
    if run.load is None:
        return []
    found: list[tuple[str, str]] = []
    _, joined = bins(run.load, most=_WIDTH)
    if run.samples:
        ready = [_ready_at(run, one.time) for one in joined]
        most = max(sample.ready for sample in run.samples)
        found.append(("ready", f"{sparkline(ready, width=_WIDTH)} at most {most} replicas"))
    rate = [one.ok for one in joined]
    found.append(
        ("rate", f"{sparkline(rate, width=_WIDTH)} at most {max(rate, default=0.0):.1f} right answers/s")
    )
    tails = [one.p99_seconds for one in joined]
    worst = max((tail for tail in tails if tail is not None), default=None)
    if worst is not None:
        found.append(("p99", f"{sparkline(tails, width=_WIDTH)} at most {worst * 1e3:.0f} ms"))
    return found


def _ready_at(run: RoadRun, time: float) -> float | None:
    """The last sample before a time."""
    before = [sample.ready for sample in run.samples if sample.time <= time]
    return float(before[-1]) if before else None
