"""What stands out in a report: limits that were reached, and what is not known. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ekiben.diagnosis.report import units
from ekiben.diagnosis.report.answers import PanelAnswers, Report, legend
from ekiben.diagnosis.report.timeplot import clock


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
    told: dict[str, Finding] = {}
    for board in report.boards:
        for panel in board.panels():
            for text, bad in _of(panel, report.chosen.span.step_seconds):
                place = anchor(board.board.uid, panel.panel.title)
                told.setdefault(f"{panel.panel.title} {text}", Finding(place, panel.panel.title, text, bad))
    return tuple(told.values())


def _of(found: PanelAnswers, step: float) -> Iterator[tuple[str, bool]]:
    panel = found.panel
    for error in found.errors:
        yield f"was not asked: {error}", True
    for answer in found.answers:
        if answer.query.limit or not panel.limits:
            continue
        for series in answer.series:
            time, value = max(series.points, key=lambda point: point[1])
            reached = [limit for limit in panel.limits if value >= limit]
            if not reached:
                continue
            over = sum(at_least >= reached[-1] for _, at_least in series.points) * step
            who, limit = legend(answer.query.legend, series.labels), units.text(reached[-1], panel.unit)
            text = (
                f"{who} came to {units.text(value, panel.unit)} at {clock(time, 1)}, the limit is {limit}; "
                f"at it or above for {units.text(over, 'seconds')}"
            )
            yield text, reached[-1] == panel.limits[-1]
