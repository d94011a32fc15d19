"""How numbers of a board's units are written. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ekiben.observe.windows import HOUR, MINUTE

_KIBI = 1024.0
_HUNDRED, _TEN = 100, 10
_RATES = {"requests": "requests/s", "per second": "per second"}


@dataclass(frozen=True, slots=True)
class Written:
    """One way to write the numbers of an axis.

    Attributes:
        factor: Multiplies a value of the unit.
        suffix: Behind a number; empty where the panel's title says it.
        axis: Name at the axis.
    """

    factor: float
    suffix: str
    axis: str


def written(unit: str, highest: float) -> Written:
    """Choose how numbers up to `highest` are written.

    Args:
        unit: A key of `ekiben.observe.boards.board.UNITS`.
        highest: The highest one, in that unit.
    """
    high = abs(highest)
    scaled = {"seconds": _time, "bytes": _bytes, "cores": _cores}.get(unit)
    if scaled:
        return scaled(high)
    if unit in _RATES:
        return _thousands(high, _RATES[unit])
    return Written(100, " %", "%") if unit == "ratio" else Written(1, "", "")


def text(value: float, unit: str) -> str:
    """Write one number with its unit, as large as it is."""
    found = written(unit, value)
    return number(value * found.factor) + found.suffix


def number(value: float) -> str:
    """Write a number with three digits that count: no exponent, no trailing zeros."""
    size = abs(value)
    if size >= _HUNDRED:
        return f"{value:,.0f}"
    digits = 1 if size >= _TEN else 2 if size >= 1 else 3 if size >= 0.1 else 4  # noqa: PLR2004  # powers of ten
    return f"{value:.{digits}f}".rstrip("0").rstrip(".")


def _time(high: float) -> Written:
    if high < 1e-3:  # noqa: PLR2004  # a millisecond
        return Written(1e6, " µs", "µs")
    if high < 1:
        return Written(1e3, " ms", "ms")
    if high < 2 * MINUTE:
        return Written(1, " s", "s")
    return Written(1 / MINUTE, " min", "min") if high < 2 * HOUR else Written(1 / HOUR, " h", "h")


def _bytes(high: float) -> Written:
    for power, name in ((3, "GiB"), (2, "MiB"), (1, "KiB")):
        if high >= _KIBI**power:
            return Written(_KIBI**-power, f" {name}", name)
    return Written(1, " B", "B")


def _cores(high: float) -> Written:
    return Written(1e3, "m", "millicores") if high < 1 else Written(1, " cores", "cores")


def _thousands(high: float, axis: str) -> Written:
    if high >= 10_000:  # noqa: PLR2004  # five digits are not read at a glance
        return Written(1e-3, "k/s", f"1,000 {axis}")
    return Written(1, "/s", axis)
