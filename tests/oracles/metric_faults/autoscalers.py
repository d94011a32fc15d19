"""The HPAs under test: what Helm and KEDA make of ekiben's plans, and KEDA's defaults beside them.

Times are divided by `PACE`, so that a sync of 15 s is one of 1 s; a test of the chart compares the numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml
from tests.oracles import build
from tests.oracles.closed_loop.trace import Json
from tests.unit.release.test_values import IMAGE, configured
from tests.unit.scale.plan import plans

from ekiben.clients import helm, tools
from ekiben.identifiers import ModelTag
from ekiben.release import values

PACE = 15  # seconds of a cluster in one of a run
SYNC_SECONDS = 1.0
NET = 1.15  # CPU use at which the net fires, as a ratio of that at the target (docs/scaling.md, section 5)
_CHART = build.ROOT / "helm" / "model-server"
_PROMETHEUS = "http://prometheus:9090"


@dataclass(frozen=True, slots=True)
class Subject:
    """An HPA under test.

    Attributes:
        name: `demand` and `cpu`, ekiben's two, or `stock`, KEDA's defaults.
        spec: Of the HPA, but for its target; times in seconds of a run.
        ignores_null: KEDA takes an empty answer, NaN and infinity for 0.
        cpu_percent: CPU of a replica, percent of its request, where it carries a load of one replica.
        most_load: Load at which a replica's CPU is used up, in replicas.
    """

    name: str
    spec: Json
    ignores_null: bool
    cpu_percent: float
    most_load: float

    @property
    def low(self) -> int:
        """Replicas at least."""
        return int(self.spec["minReplicas"])

    @property
    def high(self) -> int:
        """Replicas at most."""
        return int(self.spec["maxReplicas"])

    @property
    def target_percent(self) -> int:
        """Of its CPU metric; 0 without one."""
        for each in self.spec["metrics"]:
            if each["type"] == "Resource":
                return int(each["resource"]["target"]["averageUtilization"])
        return 0

    @property
    def asks_demand(self) -> bool:
        """It has the external metric."""
        return any(each["type"] == "External" for each in self.spec["metrics"])


def made_by_keda(scaled: Json, name: str) -> Json:
    """The spec of the HPA that KEDA makes of a ScaledObject with triggers `prometheus` and `cpu`.

    Metrics are sorted by type; the behavior is passed on as it is.

    Source: https://github.com/kedacore/keda/blob/v2.20.2/controllers/keda/hpa.go
    """
    metrics: list[Json] = []
    for place, trigger in enumerate(scaled["triggers"]):
        if trigger["type"] == "cpu":
            target: Json = {
                "type": "Utilization",
                "averageUtilization": int(trigger["metadata"]["value"]),
            }
            metrics.append({"type": "Resource", "resource": {"name": "cpu", "target": target}})
            continue
        kind = trigger.get("metricType", "AverageValue")
        target = {"type": kind, kind[0].lower() + kind[1:]: trigger["metadata"]["threshold"]}
        selector = {"matchLabels": {"scaledobject.keda.sh/name": name}}
        metric = {"name": f"s{place}-{trigger['type']}", "selector": selector}
        metrics.append({"type": "External", "external": {"metric": metric, "target": target}})
    made: Json = {
        "minReplicas": scaled["minReplicaCount"],
        "maxReplicas": scaled["maxReplicaCount"],
        "metrics": sorted(metrics, key=lambda each: str(each["type"])),
    }
    behavior = scaled.get("advanced", {}).get("horizontalPodAutoscalerConfig", {}).get("behavior")
    return made if behavior is None else made | {"behavior": behavior}


def paced(spec: Json) -> Json:
    """A spec whose windows and periods are `PACE` times shorter, rounded up to whole seconds."""
    if "behavior" not in spec:
        return spec
    made: Json = {}
    for way, rules in spec["behavior"].items():
        policies = [
            each | {"periodSeconds": math.ceil(each["periodSeconds"] / PACE)} for each in rules["policies"]
        ]
        window = math.ceil(rules["stabilizationWindowSeconds"] / PACE)
        made[way] = rules | {"policies": policies, "stabilizationWindowSeconds": window}
    return spec | {"behavior": made}


@cache
def rendered() -> tuple[Json, Json]:
    """The ScaledObject of a plan for the demand, and the HPA of one for CPU, as Helm renders them.

    Raises:
        ToolError: Helm is missing, or refuses the chart.
    """
    program = tools.find("helm")
    found = []
    for signal, kind in (("demand", "ScaledObject"), ("cpu", "HorizontalPodAutoscaler")):
        plan = plans.plan(signal=signal, tolerance_ratio=None)
        model = ModelTag("iris", "v1")
        given = values.chart_values(configured(), IMAGE, model, plans.ARTEFACT, plan, _PROMETHEUS)
        found.append(_object(program, given, kind))
    return found[0], found[1]


def _object(program: Path, given: Json, kind: str) -> Json:
    versions = ("monitoring.coreos.com/v1/PrometheusRule",)
    text = helm.template(program, _CHART, "iris", "models", given, api_versions=versions)
    made: Json = next(each for each in yaml.safe_load_all(text) if each and each["kind"] == kind)
    return made


def subjects() -> dict[str, Subject]:
    """All of them, by name."""
    scaled, plain = rendered()
    demand = made_by_keda(scaled["spec"], "iris")
    asked = scaled["spec"]["triggers"][0]
    net = int(scaled["spec"]["triggers"][1]["metadata"]["value"])
    target = int(plain["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"])
    bare = {key: value for key, value in asked["metadata"].items() if key != "ignoreNullValues"}
    stock = made_by_keda(
        {
            "minReplicaCount": demand["minReplicas"],
            "maxReplicaCount": demand["maxReplicas"],
            "triggers": [asked | {"metadata": bare}],
        },
        "iris",
    )
    cpu = {key: value for key, value in plain["spec"].items() if key != "scaleTargetRef"}
    most = plans.measured().saturation_rate / float(plans.plan(signal="demand")["target_rate"])
    kept = asked["metadata"]["ignoreNullValues"] != "false"
    return {
        "demand": Subject("demand", paced(demand), kept, net / NET, most),
        "cpu": Subject("cpu", paced(cpu), ignores_null=False, cpu_percent=target, most_load=most),
        "stock": Subject("stock", stock, ignores_null=True, cpu_percent=net / NET, most_load=most),
    }
