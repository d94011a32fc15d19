"""`render(values)`: what Helm makes of the chart, each object checked against Kubernetes' own schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from ekiben.clients import helm, tools
from ekiben.errors import ToolError

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "helm" / "model-server"
KUBERNETES = "1.35"
SERVICE_MONITOR = "monitoring.coreos.com/v1/ServiceMonitor"
POD_MONITOR = "monitoring.coreos.com/v1/PodMonitor"
PROMETHEUS_RULE = "monitoring.coreos.com/v1/PrometheusRule"
CUSTOM = (
    "monitoring.coreos.com",
    "keda.sh",
    "gateway.networking.k8s.io",
)  # no schema in Kubernetes
VARIANTS = ("minimal", "fixed", "everything", "demand", "planned", "foreign")  # the files of ci/
IMAGE = {"repository": "registry.example.com/ekiben/iris", "digest": "sha256:" + "0a" * 32}


class Rendered:
    """Objects by kind and name."""

    def __init__(self, objects: list[dict[str, Any]]) -> None:
        self.objects = objects

    def named(self, kind: str, name: str = "iris") -> dict[str, Any]:
        found = [o for o in self.objects if (o["kind"], o["metadata"]["name"]) == (kind, name)]
        assert len(found) == 1, f"expected one {kind}/{name}, found {len(found)}"
        return found[0]

    def kinds(self) -> list[str]:
        return sorted(o["kind"] for o in self.objects)

    @property
    def pod(self) -> dict[str, Any]:
        found: dict[str, Any] = self.named("Deployment")["spec"]["template"]
        return found

    @property
    def container(self) -> dict[str, Any]:
        found: dict[str, Any] = self.pod["spec"]["containers"][0]
        return found


Render = Callable[..., Rendered]


def values_of(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((CHART / "ci" / f"{name}-values.yaml").read_text())
    return found


@pytest.fixture(scope="session")
def program() -> Path:
    return tools.find("helm")


@pytest.fixture(scope="session")
def render(program: Path) -> Render:
    def rendered(values: Mapping[str, Any] | None = None, *, api_versions: tuple[str, ...] = ()) -> Rendered:
        given = {"image": IMAGE, **(values or {})}
        text = helm.template(program, CHART, "iris", "models", given, api_versions=api_versions)
        objects = [o for o in yaml.safe_load_all(text) if o]
        for found in objects:
            if found["apiVersion"].split("/")[0] not in CUSTOM:
                kubernetes_validate.validate(found, KUBERNETES, strict=True)
        return Rendered(objects)

    return rendered


@pytest.fixture(scope="session")
def refusal(program: Path) -> Callable[[Mapping[str, Any]], str]:
    """Render values that must be refused; returns what Helm said."""

    def refused(values: Mapping[str, Any]) -> str:
        with pytest.raises(ToolError) as error:
            helm.template(program, CHART, "iris", "models", {"image": IMAGE, **values})
        return error.value.last_lines

    return refused
