"""Line plots as inline SVG: pure functions from numbers to text; colours and fonts come from the page."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 760, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 14, 34, 44
_CHARACTER = 6.6  # of the legend's font, pixels: only to keep its entries apart
_DECADE_STEPS = (1.0, 2.0, 5.0)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a plot.

    Attributes:
        label: For the legend.
        points: (x, y), x ascending; y None is a gap.
        style: Class of the page's style sheet: `a`, `b` or `c`.
        steps: Hold each value until the next (for counts).
    """

    label: str
    points: tuple[tuple[float, float | None], ...]
    style: str = "a"
    steps: bool = False


@dataclass(frozen=True, slots=True)
class _Scale:
    """From values to pixels."""

    ticks: tuple[float, ...]
    pixel: Callable[[float], float]


def ticks(low: float, high: float, most: int) -> tuple[float, ...]:
    """Choose round numbers (1, 2 or 5 times a power of ten) that cover a range.

    Args:
        low: Lowest value.
        high: Highest value; may equal `low`.
        most: About how many ticks, 2 and up.

    Returns:
        Ascending; the first is not above `low`, the last not below `high`.
    """
    span = high - low
    if span <= 1e-9 * max(abs(high), 1.0):  # nothing to divide: an axis from the value up
        span = max(abs(high), 1.0)
    rough = span / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * (1 - 1e-9))
    first = math.floor(low / step + 1e-9)
    last = math.ceil((low + span) / step - 1e-9)
    return tuple(number * step for number in range(first, last + 1))


def log_ticks(low: float, high: float) -> tuple[float, ...]:
    """Choose 1, 2 and 5 times powers of ten that cover a range above 0; ends fit closely."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    every = [factor * 10.0**decade for decade in decades for factor in _DECADE_STEPS]
    below = [tick for tick in every if tick <= low * (1 + 1e-9)]
    above = [tick for tick in every if tick >= high * (1 - 1e-9)]
    end = above[0] if above[0] > below[-1] else above[1]
    return tuple(tick for tick in every if below[-1] <= tick <= end)


def number(value: float) -> str:
    """Write a tick: no exponent, no trailing zeros."""
    text = f"{value:.3f}" if abs(value) < 1 else f"{value:,.1f}"
    return text.rstrip("0").rstrip(".") or "0"


def svg(
    title: str,
    lines: Sequence[Line],
    *,
    x_label: str,
    y_label: str,
    x_end: float,
    logarithmic: bool = False,
) -> str:
    """Draw lines over time.

    Args:
        title: Heading, also what screen readers say.
        lines: At least one with at least one known value.
        x_label: Name and unit of the axis below.
        y_label: Name and unit of the axis at the left.
        x_end: End of the axis below, which starts at 0.
        logarithmic: Scale of the axis at the left; values of 0 are gaps then.

    Returns:
        An `svg` element; empty text if no value is known.
    """
    known = [y for line in lines for _, y in line.points if y is not None and (y > 0 or not logarithmic)]
    if not known:
        return ""
    x = _scale(ticks(0.0, x_end, 9), _LEFT, WIDTH - _RIGHT, end=x_end)
    y = _log_scale(known) if logarithmic else _scale(ticks(0.0, max(known), 5), HEIGHT - _BOTTOM, _TOP)
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title, quote=True)}">',
        *_axes(x, y, x_label, y_label),
        *_legend(lines),
        *(_path(line, x.pixel, y.pixel, logarithmic=logarithmic) for line in lines),
        "</svg>",
    ]
    return "\n".join(parts)


def _scale(found: tuple[float, ...], begin: float, finish: float, *, end: float | None = None) -> _Scale:
    """Spread ticks evenly; with `end` the axis stops there, and so do its ticks."""
    last = found[-1] if end is None else max(end, 1e-9)
    low = found[0]

    def pixel(value: float) -> float:
        return begin + (value - low) / (last - low) * (finish - begin)

    return _Scale(tuple(tick for tick in found if tick <= last * (1 + 1e-9)), pixel)


def _log_scale(known: Sequence[float]) -> _Scale:
    found = log_ticks(min(known), max(known))
    low, span = math.log10(found[0]), math.log10(found[-1]) - math.log10(found[0])

    def pixel(value: float) -> float:
        return HEIGHT - _BOTTOM - (math.log10(value) - low) / span * (HEIGHT - _BOTTOM - _TOP)

    return _Scale(found if len(found) <= 8 else found[:: math.ceil(len(found) / 8)], pixel)  # noqa: PLR2004


def _axes(x: _Scale, y: _Scale, x_label: str, y_label: str) -> list[str]:
    right, floor = WIDTH - _RIGHT, HEIGHT - _BOTTOM
    parts = []
    for tick in y.ticks:
        at = y.pixel(tick)
        parts.append(f'<line class="grid" x1="{_LEFT}" y1="{at:.1f}" x2="{right}" y2="{at:.1f}"/>')
        parts.append(
            f'<text class="tick" x="{_LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{number(tick)}</text>'
        )
    for tick in x.ticks:
        at = x.pixel(tick)
        parts.append(f'<line class="axis" x1="{at:.1f}" y1="{floor}" x2="{at:.1f}" y2="{floor + 4}"/>')
        parts.append(
            f'<text class="tick" x="{at:.1f}" y="{floor + 18}" text-anchor="middle">{number(tick)}</text>'
        )
    parts.append(f'<line class="axis" x1="{_LEFT}" y1="{floor}" x2="{right}" y2="{floor}"/>')
    middle = (_LEFT + right) / 2
    parts.append(
        f'<text class="label" x="{middle:.0f}" y="{HEIGHT - 8}" text-anchor="middle">{escape(x_label)}</text>'
    )
    parts.append(f'<text class="label" x="0" y="14">{escape(y_label)}</text>')
    return parts


def _legend(lines: Sequence[Line]) -> list[str]:
    """Entries from the right edge inwards, in the order of the lines."""
    at = WIDTH - _RIGHT - sum(_entry(line) for line in lines)
    parts = []
    for line in lines:
        parts.append(f'<line class="line {line.style}" x1="{at:.0f}" y1="10" x2="{at + 22:.0f}" y2="10"/>')
        parts.append(f'<text class="label" x="{at + 28:.0f}" y="14">{escape(line.label)}</text>')
        at += _entry(line)
    return parts


def _entry(line: Line) -> float:
    return 28 + len(line.label) * _CHARACTER + 16


def _path(line: Line, x: Callable[[float], float], y: Callable[[float], float], *, logarithmic: bool) -> str:
    """Draw one line; a gap interrupts it, a lonely point becomes a dot."""
    commands: list[str] = []
    dots: list[str] = []
    for known, group in itertools.groupby(
        line.points, key=lambda p: p[1] is not None and (p[1] > 0 or not logarithmic)
    ):
        points = [(x(at), y(value)) for at, value in group if value is not None] if known else []
        if len(points) == 1:
            dots.append(
                f'<circle class="dot {line.style}" cx="{points[0][0]:.1f}" cy="{points[0][1]:.1f}" r="2"/>'
            )
        elif points:
            commands.append(_drawn(points, steps=line.steps))
    return (
        f'<path class="line {line.style}" d="{"".join(commands)}"/>' + "".join(dots)
        if commands
        else "".join(dots)
    )


def _drawn(points: Sequence[tuple[float, float]], *, steps: bool) -> str:
    (x, y), *rest = points
    text = f"M{x:.1f} {y:.1f}"
    for x_next, y_next in rest:
        text += f"H{x_next:.1f}V{y_next:.1f}" if steps else f"L{x_next:.1f} {y_next:.1f}"
    return text
