"""The rules file: what is recorded of every release, and every alert, as groups of Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from ekiben.observe import alerts, indicators
from ekiben.observe.windows import Pace

INTERVAL_SECONDS = 30  # between evaluations: a tenth of the shortest window


class _Text(yaml.SafeDumper):
    """Writes expressions of several lines as they are read."""


def _written(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Text.add_representer(str, _written)


def groups(pace: Pace | None = None) -> list[dict[str, Any]]:
    """Give all groups, for every release that Prometheus sees.

    Args:
        pace: Scale of time; as in service if absent.
    """
    at = pace or Pace()
    interval = {"interval": f"{INTERVAL_SECONDS}s"} if at.factor == 1 else {}
    return [
        {"name": "ekiben.indicators", **interval, "rules": list(_recorded(at))},
        {"name": "ekiben.alerts", **interval, "rules": [each.rule(at) for each in alerts.alerts(at)]},
    ]


def text(found: list[dict[str, Any]]) -> str:
    """Write groups as a rules file."""
    return yaml.dump({"groups": found}, Dumper=_Text, sort_keys=False, width=10_000)


def _recorded(pace: Pace) -> Iterator[dict[str, str]]:
    """Rates first: what follows in a group reads what came before."""
    names, rates = indicators, indicators.RATES
    for indicator in names.INDICATORS:
        requests, errors = rates[indicator]
        yield {"record": names.recorded_requests(indicator, pace), "expr": requests(pace)}
        yield {"record": names.recorded_errors(indicator, pace), "expr": errors(pace)}
        for window in pace.windows:
            expression = names.ratio(indicator, window, pace)
            yield {"record": names.recorded_ratio(indicator, window), "expr": expression}
