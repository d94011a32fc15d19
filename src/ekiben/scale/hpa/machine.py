"""Numbers as the controller has them: integers of 32 and 64 bits, division that never raises.

The controller is compiled; its integers wrap, its integer division cuts towards zero, and dividing a float
by zero gives an infinity. What a float outside of an integer's range becomes is left to the machine; here it
is what x86-64 does, where the oracle runs.

Source: https://go.dev/ref/spec#Integer_overflow, https://go.dev/ref/spec#Conversions
"""

from __future__ import annotations

import math

MAX_INT32 = 2**31 - 1
MIN_INT32 = -(2**31)
MAX_INT64 = 2**63 - 1
MIN_INT64 = -(2**63)


def wrapped32(value: int) -> int:
    """An integer's lower 32 bits, signed."""
    return value if MIN_INT32 <= value <= MAX_INT32 else (value + 2**31) % 2**32 - 2**31


def wrapped64(value: int) -> int:
    """An integer's lower 64 bits, signed."""
    return value if MIN_INT64 <= value <= MAX_INT64 else (value + 2**63) % 2**64 - 2**63


def quotient(dividend: int, divisor: int) -> int:
    """Integer division, cut towards zero; the divisor is not 0."""
    found = abs(dividend) // abs(divisor)
    return found if (dividend < 0) == (divisor < 0) else -found


def ratio(dividend: float, divisor: float) -> float:
    """Division of floats; by zero it is an infinity, and 0 by 0 is not a number."""
    if divisor != 0:
        return dividend / divisor
    if dividend == 0 or math.isnan(dividend):
        return math.nan
    return math.copysign(math.inf, dividend) * math.copysign(1.0, divisor)


def cut32(value: float) -> int:
    """A float without its fraction, as 32 bits; what does not fit is -2**31."""
    return _cut(value, MIN_INT32, MAX_INT32)


def cut64(value: float) -> int:
    """A float without its fraction, as 64 bits; what does not fit is -2**63."""
    return _cut(value, MIN_INT64, MAX_INT64)


def ceil32(value: float) -> int:
    """The next integer above, as 32 bits; what does not fit is -2**31."""
    return cut32(math.ceil(value)) if math.isfinite(value) else MIN_INT32


def ceil64(value: float) -> int:
    """The next integer above, as 64 bits; what does not fit is -2**63."""
    return cut64(math.ceil(value)) if math.isfinite(value) else MIN_INT64


def _cut(value: float, low: int, high: int) -> int:
    if not math.isfinite(value):
        return low
    whole = math.trunc(value)
    return whole if low <= whole <= high else low
