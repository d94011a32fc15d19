"""Kubernetes' quantities: `500m`, `1.5`, `2Gi`, `5e-2`.

Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

from __future__ import annotations

import re
from fractions import Fraction

from ekiben.errors import ConfigError
from ekiben.scale.hpa.machine import MAX_INT64

_FORM = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:[eE]([+-]?\d{1,3})|([numkMGTPE]|[KMGTPE]i)?)")
_SUFFIXES: dict[str, Fraction] = {
    **{name: Fraction(10) ** power for name, power in zip("num", (-9, -6, -3), strict=True)},
    **{name: Fraction(1000) ** power for power, name in enumerate("kMGTPE", start=1)},
    **{f"{name}i": Fraction(1024) ** power for power, name in enumerate("KMGTPE", start=1)},
}
_FINEST = Fraction(1, 10**9)
_THOUSAND = 1000


def exact(quantity: str | float) -> Fraction:
    """The number that a quantity says, rounded up to whole nanos.

    Raises:
        ConfigError: It is no quantity.
    """
    found = _FORM.fullmatch(str(quantity))
    if found is None or isinstance(quantity, bool):
        raise ConfigError(f"expected a quantity such as 500m, 1.5 or 2Gi, found {quantity!r}")
    number, exponent, suffix = found.groups()
    scale = Fraction(10) ** int(exponent) if exponent else _SUFFIXES.get(suffix, Fraction(1))
    return -(-Fraction(number) * scale // _FINEST) * _FINEST


def milli(quantity: str | float) -> int:
    """A quantity in thousandths, rounded up; what the controller reckons with.

    Raises:
        ConfigError: It is no quantity, or beyond 63 bits.
    """
    found = -(-exact(quantity) * _THOUSAND // 1)
    if abs(found) > MAX_INT64:
        raise ConfigError(f"expected a quantity below {MAX_INT64 / _THOUSAND:.3g}, found {quantity!r}")
    return found


def approximate(quantity: str | float) -> float:
    """A quantity as the float that the controller makes of what the API server stores.

    Stored is the canonical form: the largest power of 1000 that leaves an integer. The product of the two
    floats is not always the nearest float to the quantity, and the controller compares with the product.

    Raises:
        ConfigError: It is no quantity.
    """
    found, exponent = exact(quantity), 0
    if found == 0:
        return 0.0
    while found.denominator != 1:
        found, exponent = found * _THOUSAND, exponent - 3
    while found % _THOUSAND == 0:
        found, exponent = found / _THOUSAND, exponent + 3
    return float(found) * float(f"1e{exponent}") if exponent else float(found)
