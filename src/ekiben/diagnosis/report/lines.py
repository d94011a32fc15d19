"""From a panel's answers to its lines and their legend. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

from ekiben.clients.prometheus import Series
from ekiben.diagnosis.report.answers import PanelAnswers, legend
from ekiben.diagnosis.report.timeplot import Bound, Line

COLOURS = 8  # of the style sheet
MOST_LINES = 16
_BOUND_STYLES = ("warn", "bad")  # as on the boards: one limit is red, two are orange and red


@dataclass(frozen=True, slots=True)
class Drawn:
    """One line with its figures.

    Attributes:
        line: What is drawn.
        last: Its last value.
        most: Its highest value.
        most_at: When that was, seconds since the epoch.
        bound: Whether it is a bound that others are seen against.
    """

    line: Line
    last: float
    most: float
    most_at: float
    bound: bool


def drawn(found: PanelAnswers) -> tuple[tuple[Drawn, ...], int]:
    """Give the lines of a panel, and how many were left out.

    Where there are many, those that are lowest at their highest are left out.
    """
    bounds = list(_drawn(found, bound=True))
    lines = list(_drawn(found, bound=False))
    kept = sorted(lines, key=lambda each: -each.most)[:MOST_LINES]
    shown = [each for each in lines if each in kept]
    coloured = [
        dataclasses.replace(each, line=dataclasses.replace(each.line, style=f"s{number % COLOURS}"))
        for number, each in enumerate(shown)
    ]
    return (*coloured, *bounds), len(lines) - len(shown)


def limits(found: PanelAnswers) -> tuple[Bound, ...]:
    """Give the panel's own limits, ascending."""
    limits = found.panel.limits
    styles = _BOUND_STYLES[-len(limits) :] if limits else ()
    return tuple(Bound(value, style) for value, style in zip(limits, styles, strict=True))


def _drawn(found: PanelAnswers, *, bound: bool) -> Iterator[Drawn]:
    for answer in found.answers:
        if answer.query.limit != bound:
            continue
        for series in sorted(answer.series, key=lambda each: sorted(each.labels.items())):
            yield _of(series, answer.query.legend, bound=bound)


def _of(series: Series, template: str, *, bound: bool) -> Drawn:
    most_at, most = max(series.points, key=lambda point: point[1])
    label = legend(template, series.labels)
    return Drawn(Line(label, series.points, "limit"), series.points[-1][1], most, most_at, bound=bound)
