"""What stands out in a report: limits that were reached, and what is not known. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ekiben.clients.prometheus import Series
from ekiben.diagnosis.report import units
from ekiben.diagnosis.report.answers import PanelAnswers, Report, legend
from ekiben.diagnosis.report.span import Span
from ekiben.observe.boards.board import Panel, Query


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that stands out.

    Attributes:
        anchor: Of the panel.
        panel: Title of the panel.
        text: What.
        bad: Whether it is worse than a figure to look at.
    """

    anchor: str
    panel: str
    text: str
    bad: bool = True


def anchor(uid: str, title: str) -> str:
    """Name of a panel's place on the page."""
    return re.sub(r"[^a-z0-9]+", "-", f"{uid} {title}".lower()).strip("-")


def found(report: Report) -> tuple[Finding, ...]:
    """Everything that stands out, in the order of the page; a panel of two boards once."""
    told: dict[tuple[str, str], Finding] = {}
    for board in report.boards:
        for panel in board.panels():
            for text, bad in _of(panel, report.chosen.span):
                place = anchor(board.board.uid, panel.panel.title)
                told.setdefault((panel.panel.title, text), Finding(place, panel.panel.title, text, bad))
    return tuple(told.values())


def _of(found: PanelAnswers, span: Span) -> Iterator[tuple[str, bool]]:
    for error in found.errors:
        yield f"was not asked: {error}", True
    if not found.panel.limits:
        return
    reached = [
        (query, series)
        for query, series in _drawn(found)
        if max(value for _, value in series.points) >= found.panel.limits[0]
    ]
    if reached:
        yield _worst(found.panel, reached, span)


def _drawn(found: PanelAnswers) -> Iterator[tuple[Query, Series]]:
    for answer in found.answers:
        if not answer.query.limit:
            yield from ((answer.query, series) for series in answer.series)


def _worst(panel: Panel, reached: Sequence[tuple[Query, Series]], span: Span) -> tuple[str, bool]:
    """Tell of the series that came highest, and how many more there are."""
    query, series = max(reached, key=lambda each: max(value for _, value in each[1].points))
    time, value = max(series.points, key=lambda point: point[1])
    limit = max(limit for limit in panel.limits if value >= limit)
    seconds = sum(each >= limit for _, each in series.points) * span.step_seconds
    others = f" ({len(reached) - 1} more reached one)" if len(reached) > 1 else ""
    text = (
        f"{legend(query.legend, series.labels)} came to {units.text(value, panel.unit)} at "
        f"{span.clock(time)}; the limit is {units.text(limit, panel.unit)}, and it was there or above for "
        f"{units.text(seconds, 'seconds')}{others}"
    )
    return text, limit == panel.limits[-1]
