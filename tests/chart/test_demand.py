"""KEDA's ScaledObject: the alternative to the HPA, never beside it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.chart.conftest import Render

from ekiben.clients import cluster
from ekiben.observe import demand
from ekiben.observe.queries import Scope

KEDA = {
    "enabled": True,
    "serverAddress": "http://prometheus:9090",
    "query": "sum(rate(requests_total[1m]))/40",
}
DEMAND: dict[str, Any] = {"autoscaling": {"enabled": False}, "keda": KEDA}


def test_one_of_the_two_scales(render: Render) -> None:
    """With KEDA there is a ScaledObject and no HPA, without it the other way round."""
    scaled = render(DEMAND).kinds()
    assert ("ScaledObject" in scaled, "HorizontalPodAutoscaler" in scaled) == (True, False)
    plain = render().kinds()
    assert ("ScaledObject" in plain, "HorizontalPodAutoscaler" in plain) == (False, True)


def test_bounds_target_and_behavior_are_those_of_autoscaling(render: Render) -> None:
    """One set of numbers for either; the behavior reaches KEDA's HPA whole."""
    behavior = {"scaleUp": {"tolerance": "0"}, "scaleDown": {"stabilizationWindowSeconds": 77}}
    numbers = {
        "minReplicas": 3,
        "maxReplicas": 33,
        "targetCPUUtilizationPercentage": 44,
        "behavior": behavior,
    }
    found = render({**DEMAND, "autoscaling": {"enabled": False, **numbers}}).named("ScaledObject")["spec"]
    plain = render({"autoscaling": numbers}).named("HorizontalPodAutoscaler")["spec"]
    assert (found["minReplicaCount"], found["maxReplicaCount"]) == (3, 33)
    assert found["advanced"]["horizontalPodAutoscalerConfig"]["behavior"] == plain["behavior"]
    assert found["scaleTargetRef"] == plain["scaleTargetRef"]
    assert {one["type"]: one["metadata"].get("value") for one in found["triggers"]} == {
        "prometheus": None,
        "cpu": "44",
    }


def test_no_answer_is_no_demand_of_zero(render: Render) -> None:
    """The query's value is the number of replicas, and an empty answer holds what is there."""
    trigger = render(DEMAND).named("ScaledObject")["spec"]["triggers"][0]
    assert trigger["metricType"] == "AverageValue"
    assert trigger["metadata"] == {
        "serverAddress": KEDA["serverAddress"],
        "query": KEDA["query"],
        "threshold": "1",
        "ignoreNullValues": "false",
    }


def test_more_of_the_trigger_is_passed_through(render: Render) -> None:
    """Metadata and the reference to credentials stand beside what the chart sets."""
    more = {"metadata": {"authModes": "bearer"}, "authenticationRef": {"name": "prometheus"}}
    trigger = render({**DEMAND, "keda": {**KEDA, **more}}).named("ScaledObject")["spec"]["triggers"][0]
    assert trigger["metadata"]["authModes"] == "bearer"
    assert trigger["authenticationRef"] == {"name": "prometheus"}


def test_a_switch_between_the_two_finds_no_name_taken(render: Render) -> None:
    """KEDA's HPA has a name of its own, which ekiben looks for; the chart's lets KEDA's admission pass."""
    advanced = render(DEMAND).named("ScaledObject")["spec"]["advanced"]
    assert advanced["horizontalPodAutoscalerConfig"]["name"] == f"{cluster._KEDA_PREFIX}iris"
    assert advanced["restoreToOriginalReplicaCount"] is False
    hpa = render().named("HorizontalPodAutoscaler")["metadata"]
    assert hpa["annotations"] == {"validations.keda.sh/hpa-ownership": "false"}


@pytest.mark.parametrize("values", [{}, DEMAND])
def test_the_deployment_does_not_know_who_scales(render: Render, values: dict[str, Any]) -> None:
    """A switch restarts no pod."""
    assert render(values).named("Deployment")["spec"] == render().named("Deployment")["spec"]


RULE = "monitoring.coreos.com/v1/PrometheusRule"
AIM = {"targetRate": 12.5, "lagSeconds": 38}
RECORDED: dict[str, Any] = {
    "autoscaling": {"enabled": False},
    "keda": {"enabled": True, "serverAddress": "http://prometheus:9090", "demand": AIM},
    "prometheusRule": {"enabled": True},
}


def test_the_demand_is_recorded_as_the_builder_has_it(render: Render) -> None:
    """Target, lag and rules of this release alone; the ScaledObject reads what they record."""
    found = render(RECORDED, api_versions=(RULE,))
    groups = found.named("PrometheusRule")["spec"]["groups"]
    rendered = next(group for group in groups if group["name"] == demand.GROUP)
    scope = Scope("models", "iris")
    expected = demand.group(scope, demand.Aim(12.5, 38))
    assert rendered["interval"] == expected["interval"]
    numbers, rules = rendered["rules"][:2], rendered["rules"][2:]
    assert rules == expected["rules"][2:]
    assert [(each["record"], each["labels"]) for each in numbers] == [
        (each["record"], each["labels"]) for each in expected["rules"][:2]
    ]
    assert [float(each["expr"][7:-1]) for each in numbers] == [12.5, 38]
    trigger = found.named("ScaledObject")["spec"]["triggers"][0]
    assert trigger["metadata"]["query"] == demand.query(scope)


def test_without_a_target_nothing_is_recorded(render: Render) -> None:
    """A query of one's own needs no rules; nor does the HPA."""
    for given in ({**DEMAND, "prometheusRule": {"enabled": True}}, {"prometheusRule": {"enabled": True}}):
        names = [
            group["name"]
            for group in render(given, api_versions=(RULE,)).named("PrometheusRule")["spec"]["groups"]
        ]
        assert demand.GROUP not in names
        assert len(names) > 1


def test_kedas_bounds_are_recorded_as_the_hpas_are(render: Render) -> None:
    """Alerts about an autoscaler at its maximum know it, whoever made it."""
    for given in (RECORDED, {"prometheusRule": {"enabled": True}}):
        groups = render(given, api_versions=(RULE,)).named("PrometheusRule")["spec"]["groups"]
        recorded = [rule.get("record") for group in groups for rule in group["rules"]]
        assert "ekiben_autoscaling_max_replicas" in recorded
