"""The HPAs that metric faults and rollouts were tried on are those that the chart renders today."""

from __future__ import annotations

from typing import Any

from tests.oracles.closed_loop.trace import Json
from tests.oracles.metric_faults import autoscalers
from tests.oracles.metric_faults import journal as faults
from tests.oracles.ratchet import journal as ratchet


def _plain(spec: Json) -> Any:
    """Without what the API server fills in."""
    return {key: spec.get(key) for key in ("minReplicas", "maxReplicas", "metrics", "behavior")}


def test_recorded_specs_are_rendered_ones() -> None:
    """Of both recordings, for both HPAs of ekiben's."""
    known = autoscalers.subjects()
    recorded = [*faults.recordings(), *ratchet.recordings()]
    found = dict.fromkeys(("demand", "cpu"), 0)
    for each in recorded:
        name = each.get("subject", each.get("trace", "")).split("-")[0]
        if name in found:
            assert _plain(each["spec"]) == _plain(known[name].spec)
            found[name] += 1
    assert min(found.values()) >= 2


def test_times_are_a_fifteenth() -> None:
    """A sync of 15 s is one of 1 s; windows of 124 s are 9 s, periods of 60 s are 4 s."""
    demand = autoscalers.subjects()["demand"].spec["behavior"]
    assert demand["scaleDown"]["stabilizationWindowSeconds"] == 9
    assert {each["periodSeconds"] for each in demand["scaleDown"]["policies"]} == {4}
    assert {each["periodSeconds"] for each in demand["scaleUp"]["policies"]} == {1}
    assert {each["tolerance"] for each in demand.values()} == {"0"}


def test_kedas_hpa_asks_for_the_demand_first() -> None:
    """External `s0-prometheus` with the ScaledObject's name and a target of 1, then CPU, sorted by type."""
    external, cpu = autoscalers.subjects()["demand"].spec["metrics"]
    assert external["external"] == {
        "metric": {
            "name": "s0-prometheus",
            "selector": {"matchLabels": {"scaledobject.keda.sh/name": "iris"}},
        },
        "target": {"type": "AverageValue", "averageValue": "1"},
    }
    assert cpu["resource"]["name"] == "cpu"


def test_the_stock_hpa_is_kedas_default() -> None:
    """No behavior, no CPU, empty answers taken for 0: what a trigger without more than its query gives."""
    stock = autoscalers.subjects()["stock"]
    assert "behavior" not in stock.spec
    assert [each["type"] for each in stock.spec["metrics"]] == ["External"]
    assert stock.ignores_null
    assert not autoscalers.subjects()["demand"].ignores_null
