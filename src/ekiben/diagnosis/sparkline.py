"""A row of blocks for a row of numbers."""

from __future__ import annotations

from collections.abc import Sequence

_BLOCKS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float | None], *, width: int) -> str:
    """Draw the last values, one character each, from 0 to the largest.

    Args:
        values: In order of time; None is not known and stays blank.
        width: Most characters; the newest values are kept.

    Returns:
        At most `width` characters; empty without values.
    """
    shown = values[-width:] if width > 0 else []
    known = [value for value in shown if value is not None]
    if not known:
        return " " * len(shown)
    top = max(known)
    return "".join(" " if value is None else _block(value, top) for value in shown)


def _block(value: float, top: float) -> str:
    if top <= 0:
        return _BLOCKS[0]
    return _BLOCKS[min(len(_BLOCKS) - 1, max(0, round(value / top * (len(_BLOCKS) - 1))))]
