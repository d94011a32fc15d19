"""Plots: read back from the SVG, the numbers are where the axes say."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekiben.diagnosis.plot import Line, log_ticks, number, svg, ticks
from ekiben.diagnosis.sparkline import sparkline


def _drawn(*lines: Line, x_end: float = 100.0, logarithmic: bool = False) -> ET.Element:
    text = svg("A title", lines, x_label="seconds", y_label="ms", x_end=x_end, logarithmic=logarithmic)
    return ET.fromstring(text)  # noqa: S314  # our own text


def _ticks(drawing: ET.Element, anchor: str, axis: str) -> list[tuple[float, float]]:
    """(value, pixel) of each tick of an axis, from its text and place."""
    found = []
    for text in drawing.iter("text"):
        if text.get("class") == "tick" and text.get("text-anchor") == anchor:
            shift = 4 if axis == "y" else 0
            found.append((float((text.text or "").replace(",", "")), float(text.get(axis, "nan")) - shift))
    return found


def _points(drawing: ET.Element, style: str = "a") -> list[tuple[float, float]]:
    path = next(p for p in drawing.iter("path") if p.get("class") == f"line {style}")
    return [(float(x), float(y)) for x, y in re.findall(r"[ML]([\d.]+) ([\d.]+)", path.get("d", ""))]


def _between(value: float, ends: list[tuple[float, float]]) -> float:
    (low, low_pixel), (high, high_pixel) = ends[0], ends[-1]
    return low_pixel + (value - low) / (high - low) * (high_pixel - low_pixel)


def test_points_lie_where_the_axes_say() -> None:
    """Every point's pixel is the linear interpolation between the first and last tick."""
    values = ((0.0, 0.0), (25.0, 40.0), (100.0, 90.0))
    drawing = _drawn(Line("p50", values))
    x, y = _ticks(drawing, "middle", "x"), _ticks(drawing, "end", "y")
    assert (x[0][0], x[-1][0], y[0][0], y[-1][0]) == (0, 100, 0, 100)
    for (at, value), (px, py) in zip(values, _points(drawing), strict=True):
        assert px == pytest.approx(_between(at, x), abs=0.2)
        assert py == pytest.approx(_between(value, y), abs=0.2)


def test_a_logarithmic_axis_has_equal_decades() -> None:
    """1, 10 and 100 are equally far apart."""
    drawing = _drawn(Line("p99", ((0.0, 1.0), (50.0, 10.0), (100.0, 100.0))), logarithmic=True)
    (_, a), (_, b), (_, c) = _points(drawing)
    assert a - b == pytest.approx(b - c, abs=0.2)
    assert a > b > c


def test_gaps_interrupt_a_line() -> None:
    """Unknown values are neither joined nor drawn as zero; a lonely point is a dot."""
    drawing = _drawn(
        Line("p50", ((0.0, 1.0), (1.0, 2.0), (2.0, None), (3.0, 3.0), (4.0, None), (5.0, 1.0), (6.0, 1.0)))
    )
    path = next(p for p in drawing.iter("path"))
    assert (path.get("d") or "").count("M") == 2
    assert len(_points(drawing)) == 4
    assert len(list(drawing.iter("circle"))) == 1


def test_counts_are_steps() -> None:
    """A count holds until the next: horizontal first, then vertical."""
    drawing = _drawn(Line("ready", ((0.0, 1.0), (50.0, 3.0)), steps=True))
    path = next(p for p in drawing.iter("path"))
    assert re.fullmatch(r"M[\d.]+ [\d.]+H[\d.]+V[\d.]+", path.get("d") or "")


def test_axes_and_legend_are_labelled() -> None:
    """Title for screen readers, units on both axes, one legend entry per line with its dashes."""
    drawing = _drawn(Line("p99 <x>", ((0.0, 1.0), (1.0, 2.0)), "b"), Line("p50", ((0.0, 1.0), (1.0, 1.0))))
    assert drawing.get("aria-label") == "A title"
    texts = [text.text for text in drawing.iter("text") if text.get("class") == "label"]
    assert texts == ["seconds", "ms", "p99 <x>", "p50"]
    assert [line.get("class") for line in drawing.iter("line") if "line" in (line.get("class") or "")] == [
        "line b",
        "line a",
    ]


def test_everything_stays_inside_the_picture() -> None:
    """With a large and a tiny load all coordinates are within the view box."""
    for top, end in ((1e6, 86_400.0), (0.001, 0.5), (0.0, 1.0)):
        drawing = _drawn(Line("long label of a line", ((0.0, 0.0), (end, top))), x_end=end)
        for element in drawing.iter():
            for name, most in (("x", 760), ("x1", 760), ("x2", 760), ("y", 240), ("y1", 240), ("y2", 240)):
                assert 0 <= float(element.get(name, "0")) <= most


def test_nothing_known_is_no_plot() -> None:
    """An empty picture is not drawn; zeros have no place on a logarithmic axis."""
    assert svg("t", [Line("a", ((0.0, None),))], x_label="", y_label="", x_end=1) == ""
    assert svg("t", [Line("a", ((0.0, 0.0),))], x_label="", y_label="", x_end=1, logarithmic=True) == ""


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.integers(2, 12))
def test_ticks_are_round_and_cover(low: float, width: float, most: int) -> None:
    """Ticks are multiples of 1, 2 or 5 times a power of ten, cover the range, and are not too many."""
    found = ticks(low, low + width, most)
    step = found[1] - found[0]
    assert found[0] <= low + 1e-6 * max(1, low)
    assert found[-1] >= (low + width) * (1 - 1e-9)
    assert len(found) <= most + 2
    assert f"{step:.6e}"[:3] in {"1.0", "2.0", "5.0"} or f"{step:.0e}"[0] in "125"


@given(st.floats(1e-3, 1e6), st.floats(1, 1e6))
def test_logarithmic_ticks_cover_closely(low: float, factor: float) -> None:
    """The ends enclose the values, and the next tick inwards would not."""
    high = low * factor
    found = log_ticks(low, high)
    assert found[0] <= low * (1 + 1e-6)
    assert found[-1] >= high * (1 - 1e-6)
    assert found[1] >= low * (1 - 1e-6)
    assert len(found) >= 2


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (0.5, "0.5"), (0.001, "0.001"), (10, "10"), (2000, "2,000"), (2.5, "2.5")]
)
def test_numbers_are_written_plainly(value: float, text: str) -> None:
    """No exponents, no trailing zeros."""
    assert number(value) == text


def test_a_sparkline_is_as_high_as_its_values() -> None:
    """0 to 7 of 7 are the eight blocks; unknown is blank; the newest stay when it is too narrow."""
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7], width=8) == "▁▂▃▄▅▆▇█"
    assert sparkline([7, None, 7], width=8) == "█ █"
    assert sparkline([7, 7, 0], width=1) == "▁"
    assert sparkline([None, None], width=8) == "  "
    assert sparkline([0, 0], width=8) == "▁▁"
    assert sparkline([], width=8) == sparkline([1], width=0) == ""
