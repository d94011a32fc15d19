"""Use over target: the one ratio that every metric comes down to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ekiben.errors import NoDataError
from ekiben.scale.hpa.machine import quotient, ratio, wrapped32, wrapped64


@dataclass(frozen=True, slots=True)
class Usage:
    """What pods use, and what that is of the target.

    Attributes:
        ratio: 1 on target.
        average_milli: Mean of the pods, thousandths, cut.
        percent: Share of the requests, cut to whole percents; None where the target is no utilisation.
    """

    ratio: float
    average_milli: int
    percent: int | None = None


def utilization(values: Mapping[str, int], requests: Mapping[str, int], target_percent: int) -> Usage:
    """Use as a share of requests: sums first, cut to whole percents before it is compared (33.9 % is 33).

    Args:
        values: Thousandths by pod's name; those without a request are left out.
        requests: Thousandths by pod's name.
        target_percent: Above 0.

    Raises:
        NoDataError: The pods with values request nothing.
    """
    known = [name for name in values if name in requests]
    total = wrapped64(sum(values[name] for name in known))
    requested = wrapped64(sum(requests[name] for name in known))
    if requested == 0:
        raise NoDataError("expected pods with both a reading and a request, found none")
    percent = wrapped32(quotient(wrapped64(total * 100), requested))
    return Usage(ratio(percent, target_percent), quotient(total, len(known)), percent)


def average(values: Mapping[str, int], target_milli: int) -> Usage:
    """Use as a mean per pod, cut to whole thousandths before it is compared.

    Args:
        values: Thousandths by pod's name, at least one.
        target_milli: Above 0.
    """
    mean = quotient(wrapped64(sum(values.values())), len(values))
    return Usage(ratio(mean, target_milli), mean)
