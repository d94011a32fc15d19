"""What the chart makes of a capacity plan, recomputed from `plan.json` by arithmetic of the tests' own."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from tests.chart.conftest import Render
from tests.unit.release.test_values import IMAGE, configured
from tests.unit.scale.plan import plans

from ekiben.errors import ConfigError
from ekiben.identifiers import ModelTag
from ekiben.release import values

CPU = plans.plan(signal="cpu")
CASES: tuple[dict[str, Any], ...] = (
    {},
    {"tolerance_ratio": None, "trough_rate": None},
    {"headroom": "objective", "surge_per_second": 1 / 30, "start_seconds": 45.0},
    {"headroom": "saturation", "peak_rate": 40.0, "trough_rate": 1.0, "timeout_seconds": 0.7},
    {"quota_cores": 19.0, "surges_per_day": 500.0},
)


def _expected(text: str) -> dict[str, Any]:
    """Every number of the HPA and the pod, from what was given and measured alone."""
    document = json.loads(text)
    n = {name: each["value"] for name, each in document["numbers"].items() if each["kind"] != "derived"}
    good = [s for s in document["steps"] if s["bad"] / s["requests"] <= 0.009]
    star = max(s["rate"] for s in good)  # a million independent requests show it
    growth, wait, full = n["surge_per_second"], n["timeout_seconds"] / 5, n["saturation_rate"]
    lag = 0.5 * n["window_seconds"] + sum(
        n[f"{term}_seconds"]
        for term in ["scrape", "rule", "adapter", "sync", "schedule", "pull", "start", "probe", "endpoint"]
    )  # fmt: skip
    # r is the root of (growth lag - y)^2 = 2 growth wait (1 + y) with y = r - 1, by halving.
    low, high = 0.0, growth * lag
    for _ in range(200):
        y = (low + high) / 2
        low, high = (y, high) if (growth * lag - y) ** 2 > 2 * growth * wait * (1 + y) else (low, y)
    spare = n["surge_budget_ratio"] * n["bad_ratio"] * 86_400 / n["surges_per_day"]
    # Bad requests grow in line from C* to saturation, where all are: in a surge beyond the headroom they are
    # a triangle, which takes the budget where (growth lag - y)^2 = 2 growth spare rest (1 + y).
    rest, least_y, most_y = max(0.0, full / star - 1), 0.0, growth * lag
    for _ in range(200):
        y = (least_y + most_y) / 2
        fits = (growth * lag - y) ** 2 <= 2 * growth * spare * rest * (1 + y)
        least_y, most_y = (least_y, y) if fits else (y, most_y)
    tau = {
        "budget": min(star, full / (1 + high), star / (1 + max(0.0, min(growth * (lag - spare), most_y)))),
        "saturation": min(star, 0.95 * full / (1 + growth * lag)),
        "objective": star / (1 + growth * lag),
    }[document["headroom"]]
    tau = min(tau, n["peak_rate"])
    cpu = [(s["answered_rate"], s["cpu_cores"]) for s in document["steps"]]
    cost = (cpu[-1][1] - cpu[0][1]) / (cpu[-1][0] - cpu[0][0])  # the steps lie on a line
    request = max(10, 10 * math.ceil(round(100 * tau * cost, 9)))
    peak, trough, hard = n["peak_rate"], n["trough_rate"], 0.95 * full
    least = 2
    while not (
        least * tau >= trough - 1e-6
        and (least - 1) * hard >= trough
        and least * hard >= trough * (1 + growth * lag)
    ):
        least += 1
    most = min(
        int(1_000 * n["quota_cores"] // request), max(least, math.ceil(1.5 * peak / tau - 1e-9) + 1), 1000
    )
    spared = 1 - tau / star
    down = 15 * math.ceil(max(15, lag) / 15)
    target = int(100 * tau / (1 + n["tolerance_ratio"]) * cost / (request / 1_000) + 1e-9)
    return {
        "min": least, "max": most, "target": target, "request": f"{request}m",
        "limit": str(math.ceil(n["cores"] + 0.5)),
        "memory": f"{math.ceil(1.2 * n['memory_bytes'] / 2**20)}Mi",
        "up": [
            {"type": "Pods", "value": max(4, math.ceil(most / 2)), "periodSeconds": 15},
            {"type": "Percent", "value": 100 * math.ceil(growth * lag + 1), "periodSeconds": 15},
        ],
        "down": [
            {"type": "Percent", "value": max(1, int(100 * spared + 1e-7)), "periodSeconds": down},
            {"type": "Pods", "value": 1, "periodSeconds": down},
        ],
        "window": math.ceil(max(120, 2 * lag + n["window_seconds"])),
        "in_progress": max(16, math.ceil(full * wait)),
        "workers": str(max(1, int(n["cores"]))),
        "grace": 2 * max(10, math.ceil(2 * n["endpoint_seconds"])) + math.ceil(n["timeout_seconds"]) + 10,
        "tolerance": {"assumed": None, "given": "0"}[document["numbers"]["tolerance_ratio"]["kind"]],
    }  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_every_number_of_the_autoscaler_follows_from_the_plan(render: Render, case: dict[str, Any]) -> None:
    """HPA, requests, limits, drain: rendered by Helm, and computed from the plan's inputs, they are equal."""
    plan = plans.plan(signal="cpu", **case)
    expected = _expected(plan.text())
    found = render(values.chart_values(configured(), IMAGE, ModelTag("iris", "v1"), plans.ARTEFACT, plan))
    hpa = found.named("HorizontalPodAutoscaler")["spec"]
    behavior = hpa["behavior"]
    assert (hpa["minReplicas"], hpa["maxReplicas"]) == (expected["min"], expected["max"])
    assert [metric["type"] for metric in hpa["metrics"]] == ["Resource"]
    assert hpa["metrics"][0]["resource"]["target"]["averageUtilization"] == expected["target"]
    assert behavior["scaleUp"]["policies"] == expected["up"]
    assert behavior["scaleDown"]["policies"] == expected["down"]
    assert behavior["scaleUp"]["stabilizationWindowSeconds"] == 0
    assert behavior["scaleDown"]["stabilizationWindowSeconds"] == expected["window"]
    for way in ("scaleUp", "scaleDown"):
        assert behavior[way]["selectPolicy"] == "Max"
        assert behavior[way].get("tolerance") == expected["tolerance"]
    resources = found.container["resources"]
    assert resources["requests"]["cpu"] == expected["request"]
    assert resources["limits"]["cpu"] in (expected["limit"], f"{expected['limit']}000m")
    assert resources["requests"]["memory"] == resources["limits"]["memory"] == expected["memory"]
    assert found.pod["spec"]["terminationGracePeriodSeconds"] == expected["grace"]
    start = found.container["startupProbe"]
    allowed = start["periodSeconds"] * start["failureThreshold"] + 60
    assert found.named("Deployment")["spec"]["progressDeadlineSeconds"] == max(300, allowed)
    environment = {each["name"]: each.get("value") for each in found.container["env"]}
    assert environment["EKIBEN_MOST_IN_PROGRESS"] == str(expected["in_progress"])
    assert environment["EKIBEN_WORKERS"] == expected["workers"]
    # Both are edges of the buckets; the first, which alerts read, is that of ekiben.yaml.
    assert environment["EKIBEN_OBJECTIVE_SECONDS"] == "0.25,0.05"
    assert found.named("PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


def test_a_plan_of_another_artefact_is_refused() -> None:
    """Another hash, or another model: the message names both."""
    other = "sha256:" + "0b" * 32
    with pytest.raises(ConfigError, match=r"0b0b.*found one of iris:v1 \(sha256:0a0a") as error:
        values.chart_values(configured(), IMAGE, ModelTag("iris", "v1"), other, CPU)
    assert "ekiben plan iris" in error.value.remedy
    with pytest.raises(ConfigError, match="found one of iris"):
        values.chart_values(configured(), IMAGE, ModelTag("wine", "v1"), plans.ARTEFACT, CPU)


@pytest.mark.parametrize(
    "given",
    [
        {"autoscaling": {"behavior": {"scaleUp": {"policies": []}}}}, {"autoscaling": {"enabled": False}},
        {"drainSeconds": 30}, {"requestTimeoutSeconds": 9}, {"server": {"mostInProgress": 3}},
        {"podDisruptionBudget": {"maxUnavailable": 2}}, {"startupProbe": {"failureThreshold": 3}},
        {"resources": {"limits": {"cpu": 1}}}, {"server": {"workers": 4}},
    ],
)  # fmt: skip
def test_a_value_that_the_plan_decides_has_no_second_source(given: dict[str, Any]) -> None:
    """With a plan it is refused and the plan named; its neighbours are not."""
    fights = configured(release={"values": given})
    with pytest.raises(ConfigError, match="comes from the capacity plan"):
        values.chart_values(fights, IMAGE, ModelTag("iris", "v1"), plans.ARTEFACT, CPU)
    kept = configured(release={"values": {"startupProbe": {"timeoutSeconds": 7}}})
    found = values.chart_values(kept, IMAGE, ModelTag("iris", "v1"), plans.ARTEFACT, CPU)
    assert found["startupProbe"]["timeoutSeconds"] == 7


PROMETHEUS = "http://10.0.0.1:9090"


def test_a_plan_for_the_demand_is_kedas(render: Render) -> None:
    """Demand beside the CPU net, tolerance 0, rules with the plan's target and lag; no HPA of the chart."""
    plan = plans.plan(signal="demand", tolerance_ratio=None)  # nobody asked for one
    n = {name: each["value"] for name, each in json.loads(plan.text())["numbers"].items()}
    model = ModelTag("iris", "v1")
    given = values.chart_values(configured(), IMAGE, model, plans.ARTEFACT, plan, PROMETHEUS)
    found = render(given, api_versions=("monitoring.coreos.com/v1/PrometheusRule",))
    assert "HorizontalPodAutoscaler" not in found.kinds()
    scaled = found.named("ScaledObject")["spec"]
    assert (scaled["minReplicaCount"], scaled["maxReplicaCount"]) == (n["min_replicas"], n["max_replicas"])
    behavior = scaled["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert {behavior[way]["tolerance"] for way in ("scaleUp", "scaleDown")} == {"0"}
    asked, net = (each["metadata"] for each in scaled["triggers"])
    assert asked["serverAddress"] == PROMETHEUS
    busy = n["idle_cores"] + n["cpu_seconds_per_request"] * n["target_rate"]
    assert int(net["value"]) == math.floor(115000 * busy / n["cpu_request_millicores"])
    rules = {
        rule["record"]: rule["expr"]
        for group in found.named("PrometheusRule")["spec"]["groups"]
        for rule in group["rules"]
        if "record" in rule
    }
    for name, key in (("target_rate", "target_rate"), ("lag_seconds", "mean_lag_seconds")):
        written = rules[f"ekiben_demand_{name}"].removeprefix("vector(").removesuffix(")")
        assert math.isclose(float(written), n[key], rel_tol=1e-9)


def test_a_plan_for_the_demand_needs_a_prometheus() -> None:
    """Of the cluster, or named in the values; without one it says what to set."""
    model, plan = ModelTag("iris", "v1"), plans.plan(signal="demand")
    with pytest.raises(ConfigError, match="Prometheus") as error:
        values.chart_values(configured(), IMAGE, model, plans.ARTEFACT, plan)
    assert "keda.serverAddress" in error.value.remedy
    named = configured(release={"values": {"keda": {"serverAddress": "http://mine:9090"}}})
    found = values.chart_values(named, IMAGE, model, plans.ARTEFACT, plan, PROMETHEUS)
    assert found["keda"]["serverAddress"] == "http://mine:9090"
