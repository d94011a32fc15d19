"""Plots over time: read back from the SVG, the numbers are where the axes say."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from ekiben.diagnosis.report.answers import Moment
from ekiben.diagnosis.report.span import Span
from ekiben.diagnosis.report.timeplot import Bound, Line, svg

BEGIN = 1_767_225_600.0  # midnight
HOUR = Span(BEGIN, BEGIN + 3600, 15)


def _drawn(
    *lines: Line,
    unit: str = "count",
    span: Span = HOUR,
    bounds: tuple[Bound, ...] = (),
    moments: tuple[Moment, ...] = (),
) -> ET.Element:
    text = svg("A <title>", unit, lines, span, bounds=bounds, moments=moments)
    return ET.fromstring(text)  # noqa: S314  # our own text


def _ticks(drawing: ET.Element, anchor: str) -> list[tuple[str, float]]:
    place, shift = ("y", 4.0) if anchor == "end" else ("x", 0.0)
    return [
        (each.text or "", float(each.get(place, "nan")) - shift)
        for each in drawing.iter("text")
        if each.get("class") == "tick" and each.get("text-anchor") == anchor
        if anchor == "middle" or float(each.get("x", "nan")) < 60  # the last one below ends there, too
    ]


def _points(drawing: ET.Element) -> list[tuple[float, float]]:
    [path] = drawing.iter("path")
    return [(float(x), float(y)) for x, y in re.findall(r"[ML]([\d.]+) ([\d.]+)", path.get("d", ""))]


def _line(*values: float, begin: float = BEGIN, step: float = 15.0) -> Line:
    return Line("a line", tuple((begin + step * n, value) for n, value in enumerate(values)), "s0")


def test_points_lie_where_the_axes_say() -> None:
    """Each pixel is the interpolation between two ticks, in milliseconds and minutes."""
    coarse = Span(BEGIN, BEGIN + 3600, 1200)
    drawing = _drawn(_line(0.0, 0.02, 0.04, step=1200), unit="seconds", span=coarse)
    up, across = _ticks(drawing, "end"), _ticks(drawing, "middle")
    assert (up[0][0], up[-1][0]) == ("0", "40")
    assert [text for text, _ in across[:2]] == ["00:00", "00:10"]
    ten_minutes = across[1][1] - across[0][1]
    for (x, y), (at, share) in zip(_points(drawing), ((0, 0.0), (2, 0.5), (4, 1.0)), strict=True):
        assert x == pytest.approx(across[0][1] + at * ten_minutes, abs=0.2)
        assert y == pytest.approx(up[0][1] + share * (up[-1][1] - up[0][1]), abs=0.2)


def test_a_hole_interrupts_a_line() -> None:
    """A point more than a step and a half away is another piece; one alone is a dot."""
    points = ((BEGIN, 1.0), (BEGIN + 15, 2.0), (BEGIN + 60, 1.0), (BEGIN + 75, 1.0), (BEGIN + 300, 3.0))
    drawing = _drawn(Line("it", points, "s1"))
    [path] = drawing.iter("path")
    assert path.get("d", "").count("M") == 2
    assert len(list(drawing.iter("circle"))) == 1


def _styles(drawing: ET.Element) -> list[str]:
    return [style for each in drawing.iter("line") if "bound" in (style := each.get("class", ""))]


def test_limits_are_drawn_where_they_can_be_seen() -> None:
    """The first always, the next only where the lines come near it."""
    limits = (Bound(1, "warn"), Bound(14.4, "bad"))
    low = _drawn(_line(0.1, 0.2), unit="times", bounds=limits)
    high = _drawn(_line(0.1, 9.0), unit="times", bounds=limits)
    seen = [
        [each.get("class") for each in d.iter("line") if "bound" in each.get("class", "")]
        for d in (low, high)
    ]
    assert seen == [["bound warn"], ["bound warn", "bound bad"]]
    [text] = [each for each in low.iter("text") if each.get("class") == "bound warn"]
    assert text.text == "1"


def test_moments_are_numbered_where_there_is_room() -> None:
    """Two at once share a number's place; each says what it is."""
    moments = (
        Moment(BEGIN + 600, "version 1"),
        Moment(BEGIN + 600, "rollout <x>"),
        Moment(BEGIN + 1800, "version 2"),
    )
    drawing = _drawn(_line(1, 1), moments=moments)
    lines = [each for each in drawing.iter("line") if each.get("class") == "moment"]
    assert [each.findtext("title") for each in lines] == ["version 1", "rollout <x>", "version 2"]
    assert [each.text for each in drawing.iter("text") if each.get("class") == "moment"] == ["1", "3"]


def test_ticks_of_long_times_are_days() -> None:
    """A week has dates below, and an hour times of day."""
    week = Span(BEGIN, BEGIN + 7 * 86_400, 15)
    ticks = [text for text, _ in _ticks(_drawn(_line(1, 2, step=3600), span=week), "middle")]
    assert ticks[:2] == ["Jan 1", "Jan 3"] or ticks[:2] == ["Jan 2", "Jan 4"]


def test_nothing_leaves_the_picture() -> None:
    """Negative values, points outside of the time, and a line of zeros."""
    drawing = _drawn(_line(-3, 0, 5, begin=BEGIN - 15), _line(0, 0, begin=BEGIN + 3590))
    for path in drawing.iter("path"):
        for x, y in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", path.get("d", "")):
            assert 0 <= float(x) <= 420
            assert 0 <= float(y) <= 196
