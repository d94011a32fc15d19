"""Loads, plans and policies: what is sent, and what a release is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.live import planned, policies, shapes
from tests.unit.live import recorded

from ekiben import config
from ekiben.identifiers import ImageReference, ModelTag
from ekiben.release.values import chart_values

ROOT = Path(__file__).resolve().parents[3]
IMAGE = ImageReference("r.example/iris", recorded.ARTEFACT, "1")


def stated(stretch: float = 1.0, name: str = "surge") -> list[str]:
    load = shapes.load(name, 50.0, 1 / 60, 3, stretch)
    return list(shapes.beyond(load, peak_rate=200.0, surge_per_second=1 / 60, lag_seconds=46.5))


@pytest.mark.parametrize("name", list(shapes.SHAPES))
@pytest.mark.parametrize("seed", range(5))
def test_every_load_is_within_what_was_stated(name: str, seed: int) -> None:
    """Up to the peak, and within the lag no more growth than a surge has: 1 + 46.5 / 60."""
    load = shapes.load(name, 50.0, 1 / 60, seed)
    assert 210 <= load.seconds <= 350
    assert list(shapes.beyond(load, peak_rate=200.0, surge_per_second=1 / 60, lag_seconds=46.5)) == []
    assert shapes.growth_ratio(load, 46.5) <= 1 + 46.5 / 60
    assert shapes.growth_ratio(load, 46.5) > 1.3


def test_a_load_beyond_what_was_stated_says_so() -> None:
    """Five times as quick is steeper; a lower peak is passed; a jump beyond a surge's growth is one."""
    assert any("grows by" in each for each in stated(0.2))
    load = shapes.load("surge", 50.0, 1 / 60, 3)
    (why,) = shapes.beyond(load, peak_rate=150.0, surge_per_second=1 / 60, lag_seconds=46.5)
    assert "200 requests/s are above" in why
    step = shapes.load("step", 50.0, 1 / 60, 3)
    assert list(shapes.beyond(step, peak_rate=200.0, surge_per_second=1 / 60, lag_seconds=20.0)) != []


def test_the_surge_doubles_in_the_stated_time() -> None:
    """From 60 requests/s: 120 a minute after it began to rise."""
    load = shapes.load("surge", 50.0, 1 / 60, 0)
    assert load.rate_at(60) == pytest.approx(60)
    assert load.rate_at(120) == pytest.approx(120)


def test_a_load_comes_back_from_its_numbers() -> None:
    """Also where a rate is held."""
    load = shapes.load("bursty", 50.0, 1 / 60, 4)
    assert shapes.of_segments(json.loads(json.dumps(shapes.segments(load)))) == load


def test_the_peak_is_four_targets_of_a_replica() -> None:
    """Both plans are for the same load; that of the demand aims higher, since it sees a rise sooner."""
    cpu, demand = recorded.plans()["cpu"], recorded.plans()["demand"]
    assert cpu["peak_rate"] == pytest.approx(4 * cpu["target_rate"])
    assert (cpu["peak_replicas"], cpu["min_replicas"], cpu["max_replicas"]) == (4, 2, 7)
    assert (demand["peak_rate"], demand["trough_rate"]) == (cpu["peak_rate"], cpu["trough_rate"])
    assert demand["target_rate"] >= cpu["target_rate"]
    assert planned.read(json.loads(json.dumps(planned.written(cpu)))) == cpu


def released(policy: policies.Policy) -> dict[str, Any]:
    """The chart's values, by the product: from its own ekiben.yaml and the settings."""
    plan = recorded.plans()[policy.signal]
    asked = policies.asked(
        policy, plan, saturation_rate=100.0, namespace="live", release="iris", prometheus_url="http://p:9090"
    )
    found = config.load("iris", ROOT, asked.environment)
    taken = plan if asked.signal else None
    return chart_values(found, IMAGE, ModelTag("iris", "v1"), recorded.ARTEFACT, taken, "http://p:9090")


@pytest.mark.parametrize("policy", policies.POLICIES, ids=lambda each: each.name)
def test_all_policies_have_the_same_pods(policy: policies.Policy) -> None:
    """But for the CPU request, and a plan's CPU limit, which is set after the release: nothing fights."""
    found, ours = released(policy), released(policies.POLICIES[0])
    same = ("podDisruptionBudget", "drainSeconds", "requestTimeoutSeconds", "progressDeadlineSeconds", "env")
    assert [found[name] for name in same] == [ours[name] for name in same]
    assert found["env"] == {"EKIBEN_INLINE_ROWS": "0"}
    assert found["server"]["mostInProgress"] == ours["server"]["mostInProgress"]
    assert found["startupProbe"] == ours["startupProbe"]
    bounds = ("minReplicas", "maxReplicas")
    assert [found["autoscaling"][name] for name in bounds] == [2, 7]
    assert found["resources"]["limits"]["memory"] == ours["resources"]["limits"]["memory"]
    if policy.kind != "plan":
        assert found["resources"]["limits"]["cpu"] == found["resources"]["requests"]["cpu"] == "200m"


def test_guessed_policies_are_what_people_have() -> None:
    """CPU 80 %, with the HPA's own behavior; requests served over a minute, at 70 % of the most."""
    cpu = released(policies.BY_NAME["HPA CPU 80 %"])["autoscaling"]
    assert (cpu["enabled"], cpu["targetCPUUtilizationPercentage"]) == (True, 80)
    assert cpu["behavior"]["scaleDown"]["stabilizationWindowSeconds"] == 300
    assert {(each["type"], each["value"]) for each in cpu["behavior"]["scaleUp"]["policies"]} == {
        ("Pods", 4), ("Percent", 100),
    }  # fmt: skip
    served = released(policies.BY_NAME["KEDA requests/s"])
    assert served["autoscaling"]["enabled"] is False
    keda = served["keda"]
    assert (keda["enabled"], keda["serverAddress"]) == (True, "http://p:9090")
    assert "http_server_request_duration_seconds_count" in keda["query"]
    assert keda["query"].endswith("[1m])) / 70.0000")
    assert 'namespace="live",release="iris"' in keda["query"]


def test_ours_are_released_with_the_plan() -> None:
    """Bounds, target and behavior are the plan's; the demand is KEDA's to read."""
    plan = recorded.plans()["cpu"]
    found = released(policies.BY_NAME["ekiben, CPU"])["autoscaling"]
    assert found["targetCPUUtilizationPercentage"] == plan["cpu_target_percent"]
    window = found["behavior"]["scaleDown"]["stabilizationWindowSeconds"]
    assert window == plan["scale_down_window_seconds"]
    demand = released(policies.BY_NAME["ekiben, demand"])
    assert demand["keda"]["demand"]["targetRate"] == recorded.plans()["demand"]["target_rate"]
    assert [each.name for each in policies.POLICIES if each.by_keda] == ["ekiben, demand", "KEDA requests/s"]
