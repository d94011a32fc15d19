"""Values, their schema and their README are one thing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.chart.conftest import (
    CHART,
    IMAGE,
    POD_MONITOR,
    ROOT,
    SERVICE_MONITOR,
    VARIANTS,
    Render,
    values_of,
)

from ekiben.clients import command, helm, tools

SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())
DEFAULTS: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())


def _leaves(schema: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    for key, found in schema["properties"].items():
        if key == "global":
            continue
        if "properties" in found:
            yield from _leaves(found, f"{above}{key}.")
        else:
            yield f"{above}{key}", found


def _sections(schema: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield above or "(root)", schema
    for key, found in schema["properties"].items():
        if "properties" in found:
            yield from _sections(found, f"{above}{key}.")


def _at(values: Mapping[str, Any], path: str) -> Any:
    found: Any = values
    for key in path.split("."):
        found = found[key]
    return found


@pytest.mark.parametrize("size", [4_095, 4_096, 4_097, 8_192])
def test_values_of_any_length_reach_helm(render: Render, size: int) -> None:
    """Helm 4 loses a last line without an end where its buffer ends too; none is sent."""
    bare = len(helm.written({"image": IMAGE, "env": {"PAD": ""}}).rstrip())
    padding = "x" * (size - bare)
    found = render({"image": IMAGE, "env": {"PAD": padding}})
    assert {"name": "PAD", "value": padding} in found.container["env"]


def test_every_section_refuses_unknown_keys() -> None:
    """A misspelt value is refused, not ignored."""
    assert [path for path, found in _sections(SCHEMA) if found.get("additionalProperties") is not False] == []


def test_every_value_is_described() -> None:
    """Each has a description, numbers have both bounds and a unit."""
    for path, found in (*_sections(SCHEMA), *_leaves(SCHEMA)):
        assert found["description"].endswith("."), path
        if found.get("type") in ("integer", ["integer", "null"]):
            assert {"minimum", "maximum", "x-unit"} <= set(found), path


def test_schema_defaults_and_readme_name_the_same_values() -> None:
    """The three lists are one list."""
    listed = [path for path, _ in _leaves(SCHEMA)]
    for path in listed:
        _at(DEFAULTS, path)
    rows = [
        line.split("`")[1]
        for line in (CHART / "README.md").read_text().splitlines()
        if line.startswith("| `")
    ]
    assert rows == listed
    assert set(DEFAULTS) == set(SCHEMA["properties"]) - {"global"}


def _given(values: Mapping[str, Any], path: str) -> Any:
    """What is at a path, or None."""
    found: Any = values
    for key in path.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def test_the_ci_values_touch_every_value() -> None:
    """Each value is given in one of them, and not at its default but for switches."""
    given = [values_of(name) for name in VARIANTS]
    same = [
        path
        for path, found in _leaves(SCHEMA)
        if all(_given(each, path) is None for each in given)
        or (
            found.get("type") != "boolean"
            and all(_given(each, path) in (None, _at(DEFAULTS, path)) for each in given)
        )
    ]
    assert same == []


def test_every_ci_file_is_a_variant() -> None:
    """No file of ci/ is left out of the tests."""
    assert sorted(p.name for p in (CHART / "ci").iterdir()) == sorted(f"{n}-values.yaml" for n in VARIANTS)


@pytest.mark.parametrize("name", VARIANTS)
def test_the_ci_values_render_and_lint(render: Render, program: Path, name: str) -> None:
    """Each variant makes valid objects and passes `helm lint --strict`."""
    values = values_of(name)
    assert "Deployment" in render(values, api_versions=(SERVICE_MONITOR, POD_MONITOR)).kinds()
    helm.lint(program, CHART, values)


@pytest.mark.parametrize("version", ["1234567890123e45", "0012345678901234", "true", "0x1f"])
def test_a_version_stays_the_text_that_it_is(render: Render, version: str) -> None:
    """Helm reads digits around an `e` as a number, unless they come in quotes and leave in quotes."""
    found = render({"model": {"version": version}})
    assert found.pod["metadata"]["annotations"]["ekiben.dev/model-version"] == version
    assert found.named("Service")["metadata"]["labels"]["app.kubernetes.io/version"] == version


def test_a_render_is_reproducible(program: Path) -> None:
    """No random name, no date."""
    values = values_of("everything")
    once, again = (helm.template(program, CHART, "iris", "models", values) for _ in range(2))
    assert once == again


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"replicas": 3}, "replicas"),
        ({"autoscaling": {"minReplica": 3}}, "minReplica"),
        ({"autoscaling": {"targetCPUUtilizationPercentage": 101}}, "targetCPUUtilizationPercentage"),
        ({"autoscaling": {"minReplicas": 5, "maxReplicas": 4}}, "minReplicas <= maxReplicas"),
        ({"image": {"repository": "r/x", "digest": "sha256:12"}}, "digest"),
        ({"image": {"repository": "r/x"}}, "image.digest"),
        ({"image": {"repository": "", "tag": "1"}}, "image.repository"),
        ({"drainSeconds": "10s"}, "drainSeconds"),
        ({"maxSurge": 0}, "maxSurge"),
        ({"env": {"EKIBEN_DRAIN_SECONDS": "0"}}, "EKIBEN_DRAIN_SECONDS"),
        ({"podLabels": {"app.kubernetes.io/instance": "other"}}, "app.kubernetes.io/instance"),
        ({"resources": {"limits": {"cpu": None}}}, "resources"),
        ({"service": {"nodePort": 80}}, "nodePort"),
        ({"prometheusRule": {"objective": {"availabilityRatio": 0.9}}}, "availabilityRatio"),
        ({"prometheusRule": {"objective": {"latencyRatio": 1}}}, "latencyRatio"),
    ],
)
def test_wrong_values_are_refused_by_name(
    refusal: Callable[[Mapping[str, Any]], str], values: dict[str, Any], says: str
) -> None:
    """The refusal names the value."""
    assert says in refusal(values)


@pytest.mark.parametrize(("overlay", "bounds"), [("dev", (1, 2)), ("production", (3, 20))])
def test_an_overlay_changes_the_bounds_and_nothing_hidden(overlay: str, bounds: tuple[int, int]) -> None:
    """Kustomize builds it: its own namespace under restricted, its own bounds, no replicas."""
    argv = [str(tools.find("kubectl")), "kustomize", str(ROOT / "k8s" / "overlays" / overlay)]
    objects = [o for o in yaml.safe_load_all(command.run(argv).stdout) if o]
    by_kind = {o["kind"]: o for o in objects}
    spec = by_kind["HorizontalPodAutoscaler"]["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == bounds
    assert "replicas" not in by_kind["Deployment"]["spec"]
    namespace = by_kind.pop("Namespace")["metadata"]
    assert namespace["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert {o["metadata"]["namespace"] for o in by_kind.values()} == {namespace["name"]}
