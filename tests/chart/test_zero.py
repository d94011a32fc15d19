"""No release goes to zero: not by default, not by a value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.chart.conftest import ROOT, VARIANTS, Render, values_of
from tests.chart.test_demand import DEMAND, KEDA
from tests.unit.scale.plan import plans

from ekiben import config
from ekiben.errors import ConfigError
from ekiben.scale.plan.chart import chart_values

LEAST = ("replicas", "minReplicas", "minReplicaCount", "idleReplicaCount")  # of each kind that scales


def _leasts(objects: list[dict[str, Any]]) -> dict[tuple[str, str], Any]:
    return {
        (each["kind"], name): each["spec"][name]
        for each in objects
        for name in LEAST
        if each["kind"] != "Pod" and name in each.get("spec", {})
    }


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_object_asks_for_no_replica(render: Render, variant: str) -> None:
    """Deployment, HPA and ScaledObject of every set of values: their fewest replicas are at least one."""
    found = _leasts(render(values_of(variant)).objects)
    assert found
    assert min(found.values()) >= 1
    scaled = {kind for kind, _ in found}
    # KEDA's own default is 0: a ScaledObject says its number.
    assert ("ScaledObject" in scaled) == bool(values_of(variant).get("keda", {}).get("enabled"))


def test_neither_does_what_is_applied_without_helm() -> None:
    """`k8s/` as it is written."""
    files = sorted((ROOT / "k8s").glob("base/*.yaml")) + sorted((ROOT / "k8s").glob("overlays/*/*.yaml"))
    objects = [each for path in files for each in yaml.safe_load_all(path.read_text()) if each]
    found = _leasts(objects)
    assert ("HorizontalPodAutoscaler", "minReplicas") in found
    assert min(found.values()) >= 1


@pytest.mark.parametrize(
    "values",
    [
        {"autoscaling": {"minReplicas": 0}},
        {**DEMAND, "autoscaling": {"enabled": False, "minReplicas": 0}},
        {"autoscaling": {"enabled": False}, "replicaCount": 0},
        {**DEMAND, "keda": {**KEDA, "minReplicas": 0}},
        {**DEMAND, "keda": {**KEDA, "idleReplicaCount": 0}},
        {**DEMAND, "keda": {**KEDA, "cooldownPeriod": 60}},
    ],
)
def test_no_value_asks_for_it(refusal: Callable[[Mapping[str, Any]], str], values: dict[str, Any]) -> None:
    """Zero is below the schema's least, and KEDA's ways to it are no values of the chart."""
    said = refusal(values)
    assert any(word in said for word in ("minReplicas", "replicaCount", "idleReplicaCount", "cooldownPeriod"))
    assert any(
        word in said
        for word in ("minimum", "Must be greater than or equal to 1", "not allowed", "additional")
    )


@given(
    st.floats(0.001, 1e6), st.floats(0, 1), st.floats(0, 10), st.floats(0, 60),
    st.sampled_from(["budget", "saturation", "objective"]), st.sampled_from(["cpu", "demand"]),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_a_plan_keeps_one_replica_more_than_it_needs(  # what it depends on
    peak: float, trough: float, surge: float, start: float, headroom: str, signal: str
) -> None:
    """At least two, whatever is asked, a trough of nothing included: one may be lost."""
    try:
        found = plans.plan(
            headroom, signal, peak_rate=peak, trough_rate=peak * trough, surge_per_second=surge,
            start_seconds=start,
        )  # fmt: skip
    except ConfigError as error:
        assert "quota" in str(error)  # noqa: PT017  # a peak beyond the most replicas has no plan
        return
    assert found.whole("min_replicas") >= 2
    assert chart_values(found)["autoscaling"]["minReplicas"] >= 2


def test_ekiben_yaml_cannot_ask_for_it() -> None:
    """`scale.min_replicas` is at least one."""
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        config.Scale(min_replicas=0)
