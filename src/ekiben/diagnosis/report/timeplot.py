"""Lines over time as inline SVG: pure, from numbers to text; colours and fonts come from the page."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

from ekiben.diagnosis import plot
from ekiben.diagnosis.report import units
from ekiben.diagnosis.report.answers import Moment
from ekiben.diagnosis.report.span import Span
from ekiben.observe.windows import DAY, HOUR, MINUTE

WIDTH, HEIGHT = 420, 196
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 10, 32, 22
_TICKS_ACROSS, _TICKS_UP = 6, 4
_EACH = (
    *(15, 30),
    *(number * MINUTE for number in (1, 2, 5, 10, 15, 30)),
    *(number * HOUR for number in (1, 2, 3, 6, 12)),
    *(number * DAY for number in (1, 2, 7)),
)
_APART = 11  # pixels between the numbers of two moments
_GAP_STEPS = 1.5


@dataclass(frozen=True, slots=True)
class Line:
    """One line.

    Attributes:
        label: What it is.
        points: (seconds since the epoch, value), ascending.
        style: Class of the page's style sheet.
    """

    label: str
    points: tuple[tuple[float, float], ...]
    style: str


@dataclass(frozen=True, slots=True)
class Bound:
    """A value that others are seen against.

    Attributes:
        value: In the plot's unit.
        style: Class of the page's style sheet.
    """

    value: float
    style: str


def svg(
    title: str,
    unit: str,
    lines: Sequence[Line],
    span: Span,
    *,
    bounds: Sequence[Bound] = (),
    moments: Sequence[Moment] = (),
) -> str:
    """Draw lines over a time.

    Args:
        title: What screen readers say.
        unit: Of all values.
        lines: At least one with at least one point.
        span: Ends of the axis below; a hole in the points interrupts a line.
        bounds: Drawn where they are near enough to the lines.
        moments: Drawn as numbered vertical lines.
    """
    values = [value for line in lines for _, value in line.points]
    near = [each for each in bounds if each.value <= 2 * max(values)] or list(bounds[:1])
    highest = max([0.0, *values, *(each.value for each in near)])
    shown = units.written(unit, highest)
    ticks = plot.ticks(min(0.0, *values) * shown.factor, highest * shown.factor, _TICKS_UP)

    def y(value: float) -> float:
        share = (value * shown.factor - ticks[0]) / (ticks[-1] - ticks[0])
        return HEIGHT - _BOTTOM - share * (HEIGHT - _BOTTOM - _TOP)

    def x(time: float) -> float:
        share = (time - span.begin) / (span.end - span.begin)
        return _LEFT + min(max(share, 0.0), 1.0) * (WIDTH - _RIGHT - _LEFT)

    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title, quote=True)}">',
        f'<text class="label" x="0" y="10">{escape(shown.axis)}</text>' if shown.axis else "",
        *_up(ticks, lambda tick: y(tick / shown.factor)),
        *_across(span, x),
        *_moments(moments, x),
        *_bounds(near, unit, y),
        *(_path(line, x, y, _GAP_STEPS * span.step_seconds) for line in lines),
        "</svg>",
    ]
    return "\n".join(filter(None, parts))


def _tick(time: float, step: float) -> str:
    """Write a tick, UTC: with seconds or as a date, as the step needs it."""
    at = datetime.fromtimestamp(time, UTC)
    if step >= DAY or (step >= HOUR and time % DAY == 0):
        return f"{at:%b} {at.day}"
    return f"{at:%H:%M:%S}" if step < MINUTE else f"{at:%H:%M}"


def _up(ticks: Sequence[float], y: Callable[[float], float]) -> Iterable[str]:
    for tick in ticks:
        at = y(tick)
        yield f'<line class="grid" x1="{_LEFT}" y1="{at:.1f}" x2="{WIDTH - _RIGHT}" y2="{at:.1f}"/>'
        yield (
            f'<text class="tick" x="{_LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">'
            f"{units.number(tick)}</text>"
        )


def _across(span: Span, x: Callable[[float], float]) -> Iterable[str]:
    length = span.end - span.begin
    step = next((each for each in _EACH if length / each <= _TICKS_ACROSS), _EACH[-1])
    floor = HEIGHT - _BOTTOM
    yield f'<line class="axis" x1="{_LEFT}" y1="{floor}" x2="{WIDTH - _RIGHT}" y2="{floor}"/>'
    for number in range(math.ceil(span.begin / step), math.floor(span.end / step) + 1):
        at = x(number * step)
        yield f'<line class="axis" x1="{at:.1f}" y1="{floor}" x2="{at:.1f}" y2="{floor + 4}"/>'
        # The ends of a text in the middle of which is the tick must not leave the picture.
        anchor = "end" if at > WIDTH - _RIGHT - 16 else "middle"
        yield (
            f'<text class="tick" x="{at:.1f}" y="{floor + 17}" text-anchor="{anchor}">'
            f"{_tick(number * step, step)}</text>"
        )


def _moments(found: Sequence[Moment], x: Callable[[float], float]) -> Iterable[str]:
    last = -math.inf
    for number, each in enumerate(found, 1):
        at = x(each.time)
        title = f"<title>{escape(each.text)}</title>"
        ends = f'x1="{at:.1f}" y1="{_TOP - 6}" x2="{at:.1f}" y2="{HEIGHT - _BOTTOM}"'
        yield f'<line class="moment" {ends}>{title}</line>'
        if at - last >= _APART:
            yield f'<text class="moment" x="{at:.1f}" y="{_TOP - 9}" text-anchor="middle">{number}</text>'
            last = at


def _bounds(found: Sequence[Bound], unit: str, y: Callable[[float], float]) -> Iterable[str]:
    for each in found:
        at, right = y(each.value), WIDTH - _RIGHT
        yield f'<line class="bound {each.style}" x1="{_LEFT}" y1="{at:.1f}" x2="{right}" y2="{at:.1f}"/>'
        yield (
            f'<text class="bound {each.style}" x="{right - 2}" y="{at - 4:.1f}" text-anchor="end">'
            f"{escape(units.text(each.value, unit))}</text>"
        )


def _path(line: Line, x: Callable[[float], float], y: Callable[[float], float], gap: float) -> str:
    """Draw one line; a hole interrupts it, a lonely point becomes a dot."""
    runs: list[list[tuple[float, float]]] = []
    for before, point in itertools.pairwise([None, *line.points]):
        if before is None or point is None or point[0] - before[0] > gap:
            runs.append([])
        if point is not None:
            runs[-1].append(point)
    text, dots = "", ""
    for run in runs:
        if len(run) == 1:
            (time, value) = run[0]
            dots += f'<circle class="{line.style}" cx="{x(time):.1f}" cy="{y(value):.1f}" r="2"/>'
            continue
        text += "M" + "L".join(f"{x(time):.1f} {y(value):.1f}" for time, value in run)
    title = f"<title>{escape(line.label)}</title>"
    drawn = f'<path class="line {line.style}" d="{text}">{title}</path>' if text else ""
    return drawn + dots
