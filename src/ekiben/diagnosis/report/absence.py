"""Why a query has no data: which of the series that it reads were there. Pure."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet

from ekiben.observe import demand, objectives, rules
from ekiben.observe.boards.board import Query
from ekiben.observe.foreign import FOREIGN
from ekiben.serving import metrics

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_SUFFIXES = {"counter": ("",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}
_OWNERS = {each.name: each.owner for each in FOREIGN}
_KINDS = {each.name + suffix: each.kind for each in metrics.CONTRACT for suffix in _SUFFIXES[each.kind]}
_RULES = (rule for group in rules.groups() for rule in group["rules"])
_RECORDED = frozenset(
    {*objectives.RECORDED, demand.DEMAND, *(rule["record"] for rule in _RULES if "record" in rule)}
)
_SCALING = frozenset(
    {objectives.MIN_REPLICAS, objectives.MAX_REPLICAS, objectives.TARGET_CPU_RATIO, demand.DEMAND}
)
_BY_PODS = frozenset({"up", "ALERTS"} | {name for name in _OWNERS if name.startswith("process_")})
# Names whose series carry the release.
OURS: frozenset[str] = frozenset(_KINDS) | _RECORDED | _BY_PODS
_SPARE = "kube-state-metrics"  # an alternative to Kubernetes' own components


def read_by(query: Query) -> frozenset[str]:
    """Names of the series that a query reads."""
    return frozenset(_NAME.findall(query.expression)) & (OURS | _OWNERS.keys())


def reason(query: Query, there: AbstractSet[str]) -> str:
    """Say why a query has no data.

    Args:
        query: Which.
        there: Names of series that there were, of all that it reads.
    """
    missing = _without_spares(read_by(query), there)
    if not missing:
        return "There was nothing of the kind: all series that it is made of were there."
    if metrics.MODEL_INFO.name in missing or "up" in missing:
        return "No pod of this release was scraped."
    if "ALERTS" in missing:
        return "No alert of this release was pending or firing, or nothing evaluates the chart's rules."
    recorded, foreign = sorted(missing & _RECORDED), sorted(missing & _OWNERS.keys())
    if recorded:
        return _not_recorded(recorded)
    if foreign:
        owners = _listed(sorted({_OWNERS[name] for name in foreign}))
        return f"{_listed(foreign)} {_were(foreign)} not scraped: this Prometheus does not see {owners}."
    return _not_given(sorted(missing))


def _not_recorded(names: list[str]) -> str:
    scaled = " Or the release has no autoscaler." if _SCALING & set(names) else ""
    return (
        f"{_listed(names)} {_were(names)} not recorded: this Prometheus evaluates no rules of the release "
        f"(prometheusRule.enabled in the chart's values).{scaled}"
    )


def _not_given(names: list[str]) -> str:
    # A counter with labels is there from its first event on.
    counters = [name for name in names if _KINDS[name] != "gauge"]
    if counters:
        return f"Nothing of the kind happened: no pod counted any {_listed(counters)}."
    return f"No pod of this release gave {_listed(names)}."


def _without_spares(names: frozenset[str], there: AbstractSet[str]) -> frozenset[str]:
    """What is missing; kube-state-metrics is not, where Kubernetes' own component answers."""
    missing = names - there
    kube = {name for name in missing if _OWNERS.get(name) == _SPARE}
    others = {name for name in names & _OWNERS.keys() if _OWNERS[name] != _SPARE and name not in _BY_PODS}
    return missing - kube if others & there else missing


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def _were(names: list[str]) -> str:
    return "was" if len(names) == 1 else "were"
