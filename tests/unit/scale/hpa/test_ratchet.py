"""Replicas under rollouts: recorded from a real kube-controller-manager, and by ekiben's arithmetic alone."""

from __future__ import annotations

import math
from typing import Any

import pytest
from tests.oracles.ratchet import drift, journal

from ekiben.scale.hpa.autoscaler import Autoscaler, Flags
from ekiben.scale.hpa.controller import Seen, sync
from ekiben.scale.hpa.history import Memory

_RECORDINGS = {each["trace"]: each for each in journal.recordings()}
_FOUND = {name: drift.of(each) for name, each in _RECORDINGS.items()}
_OURS = ("demand", "cpu")
_DEMAND = {
    "type": "External",
    "external": {"metric": {"name": "demand"}, "target": {"type": "AverageValue", "averageValue": "1"}},
}
_NONE = {"tolerance": "0", "policies": [{"type": "Pods", "value": 11, "periodSeconds": 15}]}
_EXACT = {"scaleUp": _NONE, "scaleDown": _NONE | {"stabilizationWindowSeconds": 124}}
_LOADS = [each / 20 for each in range(60, 400, 3)]
_SYNCS = 4  # of a rollout that see a pod more, and as many between two


def test_recorded_rollouts_leave_ekibens_replicas_alone() -> None:
    """The real controller never rescaled an HPA of ekiben's, though it saw each rollout's surge."""
    found = {name: each for name, each in _FOUND.items() if name.split("-")[0] in _OURS}
    assert len(found) >= 3
    for name, each in found.items():
        assert each["rescales"] == 0, name
        assert each["rollouts"] >= 5, name
        assert each["surged"] >= each["rollouts"], name


def test_recorded_rollouts_ratchet_the_stock_hpa_up() -> None:
    """KEDA's defaults let them grow: to load / 0.9, or to the maximum where the metric follows the pods."""
    stock, follows = _FOUND["stock-3"], _FOUND["follows-0"]
    assert (stock["first"], stock["last"]) == (10, math.floor(10.9 / 0.9))
    assert (follows["first"], follows["last"]) == (10, _RECORDINGS["follows-0"]["spec"]["maxReplicas"])


def test_ekibens_controller_ratchets_where_the_real_one_does() -> None:
    """Every recorded decision is ekiben's too, in both cases."""
    assert [name for name, each in _FOUND.items() if each["identical"] != each["syncs"]] == []


def _rolled(behavior: dict[str, Any] | None, load: float, start: int, rollouts: int) -> list[int]:
    """Replicas after each rollout, by ekiben's controller: a surge of one pod, seen by some syncs."""
    spec: dict[str, Any] = {"minReplicas": 3, "maxReplicas": 30, "metrics": [_DEMAND]}
    hpa = Autoscaler.of(spec if behavior is None else spec | {"behavior": behavior})
    memory, replicas, now, made = Memory(), start, 0.0, []
    for _ in range(rollouts):
        for surge in (1,) * _SYNCS + (0,) * _SYNCS:
            found = ((round(load * 1000),),)
            decision, memory = sync(hpa, Flags(), memory, Seen(now, replicas, replicas + surge, [], found))
            replicas, now = decision.replicas, now + 15
        made.append(replicas)
    return made


@pytest.mark.parametrize("load", _LOADS[::8])
def test_tolerance_0_drifts_by_nothing(load: float) -> None:
    """200 rollouts under any load: replicas are the load, rounded up, after each."""
    assert set(_rolled(_EXACT, load, math.ceil(load), 200)) == {math.ceil(load)}


def test_the_default_tolerance_drifts_until_a_pod_more_is_out_of_it() -> None:
    """From any load's own number up to load / 0.9, but never more: one pod above is 10 % too many."""
    ends = {load: _rolled(None, load, math.ceil(load), 20)[-1] for load in _LOADS}
    for load, end in ends.items():
        assert math.ceil(load) <= end <= max(math.ceil(load), math.floor(load / 0.9 + 1e-9)), load
    assert sum(end > math.ceil(load) for load, end in ends.items()) > len(ends) / 3
