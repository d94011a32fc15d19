"""What a reckoning takes: from the user, the plan, ekiben.yaml, or assumed, each with its source."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import NamedTuple

from ekiben.errors import ConfigError
from ekiben.scale.plan.lag import lag_terms
from ekiben.scale.plan.quantity import Quantity

_KEDA = "https://keda.sh/docs/latest/reference/scaledobject-spec/"
_ADD_ON = "https://keda.sh/http-add-on/1.0/"
_MOST_SECONDS = 86_400.0


class _Term(NamedTuple):
    """An input: its unit, what it is, its bounds, what is assumed without anybody's word, and why."""

    unit: str
    meaning: str
    least: float
    most: float
    default: float | None
    source: str = ""


_TERMS: Mapping[str, _Term] = {
    "cooldown_seconds": _Term(
        "s", "without a request until no replica is wanted", 0, 31 * _MOST_SECONDS, 300, f"KEDA's, {_KEDA}"
    ),
    "poll_seconds": _Term(
        "s", "between two looks of KEDA at its triggers", 0, _MOST_SECONDS, 30, f"KEDA's, {_KEDA}"
    ),
    "scrape_seconds": _Term(
        "s", "from a request to its sample", 0, _MOST_SECONDS, 15, "a common choice; Prometheus' own is 60"
    ),
    "window_seconds": _Term(
        "s", "over which a rate of requests is taken", 0, _MOST_SECONDS, 60,
        f"the add-on's requestRate.window, {_ADD_ON}",
    ),
    "push_seconds": _Term(
        "s", "from a held request to KEDA's knowledge of it", 0, _MOST_SECONDS, 0.7,
        "the add-on's scaler asks its interceptors every 0.5 s and tells KEDA every 0.2 s",
    ),
    "hold_seconds": _Term(
        "s", "how long the add-on holds a request", 0, 31 * _MOST_SECONDS, 31 * _MOST_SECONDS,
        f"the add-on sets no limit of its own (readinessTimeout), {_ADD_ON}",
    ),
    "timeout_seconds": _Term("s", "the callers' time-out", 0.001, _MOST_SECONDS, None),
    "objective_seconds": _Term("s", "a request slower than this is bad", 0.0001, _MOST_SECONDS, None),
    "bad_ratio": _Term("", "share of requests that may be bad", 0, 1, None),
    "min_replicas": _Term("replicas", "replicas that zero would take away", 1, 1000, None),
    "start_seconds": _Term("s", "from a pod's start to ready", 0, 3600, None),
    "pull_seconds": _Term("s", "pulling the image", 0, 3600, 0, "the nodes have it"),
    "node_seconds": _Term("s", "making a node", 0, 3600, 0, "a node with room is always there"),
    "drain_seconds": _Term("s", "how long an ending pod goes on", 0, 3600, 10, "drainSeconds of the chart"),
    "replica_cost": _Term("1/h", "cost of one replica", 0, 1e9, 1, "costs are then replica-hours"),
    "wake_cost": _Term("", "what a wake costs whoever waits", 0, 1e9, 0, "none was stated"),
    "holder_cost": _Term(
        "1/h", "cost of the component that holds requests", 0, 1e9, 0, "it is there for others anyway"
    ),
}  # fmt: skip
_CLUSTER = ("schedule_seconds", "probe_seconds", "endpoint_seconds")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the user said; None where nothing was said. Units and bounds are those of the inputs."""

    cooldown_seconds: float | None = None
    poll_seconds: float | None = None
    scrape_seconds: float | None = None
    window_seconds: float | None = None
    hold_seconds: float | None = None
    timeout_seconds: float | None = None
    objective_seconds: float | None = None
    bad_ratio: float | None = None
    min_replicas: float | None = None
    start_seconds: float | None = None
    pull_seconds: float | None = None
    node_seconds: float | None = None
    replica_cost: float | None = None
    wake_cost: float | None = None
    holder_cost: float | None = None


def inputs(
    asked: Asked, plan: Mapping[str, Quantity], settings: Mapping[str, tuple[float, str]]
) -> dict[str, Quantity]:
    """Take every input from whoever knows it best.

    Args:
        asked: The user's word comes first.
        plan: Numbers of the capacity plan come next; empty if there is none.
        settings: By name, value and source, where neither says anything.

    Raises:
        ConfigError: A value outside of its bounds, or one that nobody knows.
    """
    said = {name: value for name, value in asdict(asked).items() if value is not None}
    found = {name: plan.get(name, each) for name, each in lag_terms("cpu").items() if name in _CLUSTER}
    for name, term in _TERMS.items():
        if name in said:
            value, kind, source = said[name], "given", "the user"
        elif name in plan and name not in ("window_seconds", "scrape_seconds"):  # those are of its own signal
            found[name] = plan[name]
            continue
        elif name in settings:
            (value, source), kind = settings[name], "given"
        elif term.default is not None:
            value, kind, source = term.default, "assumed", term.source
        else:
            raise _unknown(name, term)
        if not (math.isfinite(value) and term.least <= value <= term.most):
            raise ConfigError(f"expected {name} between {term.least:g} and {term.most:g}, found {value!r}")
        found[name] = Quantity(
            value=value,
            unit=term.unit,
            kind=kind,
            meaning=term.meaning,
            source=source,
        )
    return found


def _unknown(name: str, term: _Term) -> ConfigError:
    if name == "start_seconds":
        return ConfigError(
            "expected the time from a pod's start to ready, found no capacity plan that measured it",
            remedy="measure it (ekiben plan MODEL --p99 50ms --peak-rps 300), or give --start-seconds",
        )
    return ConfigError(f"expected {name} ({term.meaning}), found none")
