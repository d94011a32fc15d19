"""Loads and replicas over time, as SVG: pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from xml.sax.saxutils import escape

from tests.live import policies, shapes
from tests.live.journal import Record

_WIDTH, _PANEL, _MARGIN, _LEGEND = 720, 190, 46, 24
_COLOURS = ("#c0392b", "#8e44ad", "#2c3e50", "#2980b9", "#16a085")


def figure(runs: Sequence[Record], capacity_rate: float) -> str:
    """A panel for each load: replicas that the load needs, and those that each policy asked for.

    Args:
        runs: Valid ones, oldest first; of each policy and load the newest is drawn.
        capacity_rate: What one replica carries, requests/s.
    """
    newest = {(each["shape"], each["policy"]): each for each in runs}
    drawn = [name for name in shapes.SHAPES if any(shape == name for shape, _ in newest)]
    height = _LEGEND + _PANEL * max(1, len(drawn))
    view = f'viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" font-size="11"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {view}>',
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
        *_legend(),
    ]
    for place, shape in enumerate(drawn):
        own = {policy: run for (name, policy), run in newest.items() if name == shape}
        lines += _panel(shape, own, capacity_rate, _LEGEND + place * _PANEL)
    return "\n".join([*lines, "</svg>", ""])


def _legend() -> Iterator[str]:
    entries = [("needed", "#999"), *((each.name, _colour(each.name)) for each in policies.POLICIES)]
    for place, (name, colour) in enumerate(entries):
        x = _MARGIN + place * 112
        yield f'<path d="M{x} 14h18" stroke="{colour}" stroke-width="2"/>'
        yield f'<text x="{x + 22}" y="18">{escape(name)}</text>'


def _colour(policy: str) -> str:
    return _COLOURS[[each.name for each in policies.POLICIES].index(policy)]


def _panel(shape: str, runs: Mapping[str, Record], capacity_rate: float, top: int) -> Iterator[str]:
    load = shapes.of_segments(next(iter(runs.values()))["segments"])
    need = [(float(second), rate / capacity_rate) for second, rate in enumerate(shapes.rates(load))]
    paths = {name: [(each[0], float(each[1])) for each in run["looks"]] for name, run in runs.items()}
    most = max(value for path in (need, *paths.values()) for _, value in path) + 0.5

    def place(seconds: float, value: float) -> tuple[float, float]:
        across = _MARGIN + max(0.0, seconds) / load.seconds * (_WIDTH - 2 * _MARGIN)
        return across, top + 16 + (1 - value / most) * (_PANEL - 50)

    left, right = place(0, 0)[0], place(load.seconds, 0)[0]
    for value in range(int(most) + 1):
        _, y = place(0, value)
        yield f'<path d="M{left:.1f} {y:.1f}H{right:.1f}" stroke="#ddd"/>'
        yield f'<text x="{left - 6:.1f}" y="{y + 4:.1f}" text-anchor="end">{value}</text>'
    bottom = place(0, 0)[1] + 16
    yield f'<text x="{left:.1f}" y="{bottom:.1f}">{escape(shape)}: replicas over {load.seconds:.0f} s</text>'
    yield _line([place(*each) for each in need], "#999")
    for name, path in paths.items():
        yield _line([place(*each) for each in _stairs(path)], _colour(name))


def _stairs(path: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """What was asked for stays until something else is."""
    before = None
    for seconds, value in path:
        if before is not None and before != value:
            yield seconds, before
        if before != value:
            yield seconds, value
        before = value
    if path:
        yield path[-1]


def _line(points: Sequence[tuple[float, float]], colour: str) -> str:
    found = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{found}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
