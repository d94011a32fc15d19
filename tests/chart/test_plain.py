"""k8s/: overlays, the deployer's Role, the admission policy, the examples of GitOps."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.chart import schemas, scorers
from tests.chart.conftest import (
    POD_MONITOR,
    PROMETHEUS_RULE,
    ROOT,
    SERVICE_MONITOR,
    VARIANTS,
    Render,
    values_of,
)

from ekiben.clients import command, tools

K8S = ROOT / "k8s"
KUSTOMIZED = ("base", "overlays/dev", "overlays/production", "deployer", "admission")
CALLS = re.compile(r"\b(list|read|create|replace|delete)_(namespaced_[a-z_]+|namespace)\b")
VERBS = {"list": "list", "read": "get", "create": "create", "replace": "update", "delete": "delete"}
# A namespace is made, emptied and removed only by those who may make one.
MAKES_NAMESPACES = "namespaces.py"


def kustomized(folder: str) -> list[dict[str, Any]]:
    """What kubectl makes of a folder."""
    argv = [str(tools.find("kubectl")), "kustomize", str(K8S / folder)]
    return [one for one in yaml.safe_load_all(command.run(argv).stdout) if one]


def named(objects: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    [found] = [one for one in objects if one["kind"] == kind]
    return found


@pytest.mark.parametrize("folder", KUSTOMIZED)
def test_what_is_there_is_valid(tmp_path: Path, folder: str) -> None:
    """Strictly, in three minor versions of Kubernetes."""
    schemas.write(tmp_path / "schemas")
    file = tmp_path / "objects.yaml"
    file.write_text(yaml.safe_dump_all(kustomized(folder)))
    assert schemas.errors([file], tmp_path / "schemas") == []


@pytest.mark.parametrize("overlay", ["dev", "production"])
def test_an_overlay_is_the_base_but_for_namespace_and_bounds(overlay: str) -> None:
    """Nothing else differs, so that nothing can drift."""
    base, found = kustomized("base"), kustomized(f"overlays/{overlay}")
    found = [one for one in found if one["kind"] != "Namespace"]
    for each in found:
        assert each["metadata"].pop("namespace") in ("models", "models-dev")
    for objects in (base, found):
        for bound in ("minReplicas", "maxReplicas"):
            del named(objects, "HorizontalPodAutoscaler")["spec"][bound]

    def order(one: dict[str, Any]) -> str:
        return str(one["kind"])

    assert sorted(found, key=order) == sorted(base, key=order)


def rights() -> set[tuple[str, str, str]]:
    """Group, resource and verb of everything that the deployer may do."""
    rules = named(kustomized("deployer"), "Role")["rules"]
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_the_deployer_has_no_wildcard_and_no_way_up() -> None:
    """One namespace, no shell in a pod, no RBAC, no tokens, nothing of the cluster."""
    objects = kustomized("deployer")
    assert sorted(one["kind"] for one in objects) == ["Role", "RoleBinding", "ServiceAccount"]
    assert {one["metadata"]["namespace"] for one in objects} == {"models"}
    binding = named(objects, "RoleBinding")
    assert binding["roleRef"]["kind"] == "Role"
    assert [one["namespace"] for one in binding["subjects"]] == ["models"]
    assert not any("*" in part for right in rights() for part in right)
    assert not {verb for _, _, verb in rights()} & {"escalate", "bind", "impersonate", "deletecollection"}
    kept = {"pods/log", "pods/proxy", "services/proxy"}
    assert {resource for _, resource, _ in rights() if "/" in resource} == kept
    assert "rbac.authorization.k8s.io" not in {group for group, _, _ in rights()}


def plural(kind: str) -> str:
    """`NetworkPolicy` -> `networkpolicies`, as the API names its resources."""
    lower = kind.lower().replace("_", "")
    return (
        f"{lower[:-1]}ies" if lower.endswith("cy") else f"{lower}es" if lower.endswith("ss") else f"{lower}s"
    )


def test_the_deployer_may_do_what_ekiben_calls() -> None:
    """Each call of the Kubernetes client in the sources is one of the Role's verbs."""
    called = set()
    for path in (ROOT / "src" / "ekiben" / "clients").glob("*.py"):
        if path.name == MAKES_NAMESPACES:
            continue
        called |= {(VERBS[verb], what) for verb, what in CALLS.findall(path.read_text())}
    assert len(called) > 6
    assert '_call(kind, "replace")' in (ROOT / "src" / "ekiben" / "clients" / "stored.py").read_text()
    called |= {
        (verb, kind) for verb in ("get", "create", "update", "delete") for kind in ("secret", "config_map")
    }
    granted = {(resource, verb) for _, resource, verb in rights()}
    names = {
        (plural(what.removeprefix("namespaced_")), verb) for verb, what in called if what != "namespaced_"
    }
    assert names - granted == set()
    assert ("deployments", "patch") in granted  # holding the replicas


@pytest.mark.parametrize("name", VARIANTS)
def test_the_deployer_may_install_what_the_chart_renders(render: Render, name: str) -> None:
    """Helm gets, creates, patches and deletes each object of each variant, its rules and boards too."""
    brought = {"prometheusRule": {"enabled": True}, "dashboards": {"enabled": True}}
    found = render(
        {**values_of(name), **brought}, api_versions=(SERVICE_MONITOR, POD_MONITOR, PROMETHEUS_RULE)
    )
    assert {"PrometheusRule", "ConfigMap"} <= set(found.kinds())
    needed = {
        (one["apiVersion"].rpartition("/")[0], plural(one["kind"]), verb)
        for one in found.objects
        for verb in ("get", "create", "patch", "delete")
    }
    assert needed - rights() == set()


@pytest.mark.parametrize(
    ("image", "taken"),
    [
        ("registry.example.com/ekiben/iris@sha256:" + "0a" * 32, True),
        ("registry.example.com/ekiben/iris:1@sha256:" + "0a" * 32, True),
        ("registry.example.com/ekiben/iris:1", False),
        ("registry.example.com/ekiben/iris@sha256:0a", False),
        ("registry.example.com/ekiben/iris@sha256:" + "0A" * 32, False),
        ("registry.example.com/ekiben-evil/iris@sha256:" + "0a" * 32, False),
        ("evil.example.com/registry.example.com/ekiben/iris@sha256:" + "0a" * 32, False),
    ],
)
def test_the_policy_takes_one_registry_by_digest(image: str, taken: bool) -> None:
    """Its two conditions, read from the manifest: prefix with the slash, and the whole of a digest."""
    objects = kustomized("admission")
    spec = named(objects, "ValidatingAdmissionPolicy")["spec"]
    [condition] = [one["expression"] for one in spec["variables"] if one["name"] == "refused"]
    [pattern] = re.findall(r"i\.matches\('([^']+)'\)", condition)
    assert "!(i.startsWith(variables.registry + '/') &&" in condition
    assert spec["variables"][0]["name"] == "registry"  # the place that kustomization.yaml tells to patch
    registry = spec["variables"][0]["expression"].strip("'")
    assert (image.startswith(f"{registry}/") and re.search(pattern, image) is not None) is taken


def test_the_policy_fails_closed_and_looks_at_every_container() -> None:
    """It needs no other object; init and ephemeral containers are looked at too."""
    objects = kustomized("admission")
    policy, binding = (
        named(objects, kind)["spec"]
        for kind in ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
    )
    assert policy["failurePolicy"] == "Fail"
    assert "paramKind" not in policy
    assert "paramRef" not in binding
    assert binding["validationActions"] == ["Deny"]
    assert binding["policyName"] == "images-by-digest"
    [images] = [one["expression"] for one in policy["variables"] if one["name"] == "images"]
    assert all(f"{kind}ontainers" in images for kind in ("spec.c", "initC", "ephemeralC"))
    [rule] = policy["matchConstraints"]["resourceRules"]
    assert set(rule["resources"]) == {"pods", "pods/ephemeralcontainers"}


def _argo(found: list[dict[str, Any]]) -> tuple[Any, str]:
    source = found[0]["spec"]["source"]
    return source["helm"]["valuesObject"], source["path"]


def _flux(found: list[dict[str, Any]]) -> tuple[Any, str]:
    release = named(found, "HelmRelease")["spec"]
    return release["values"], release["chart"]["spec"]["chart"]


@pytest.mark.parametrize(("file", "read"), [("argo-cd/application", _argo), ("flux/helmrelease", _flux)])
def test_an_example_holds_values_that_the_chart_takes(
    file: str, read: Callable[[list[dict[str, Any]]], tuple[Mapping[str, Any], str]]
) -> None:
    """They are rendered by the chart at the path that the example names, by digest and without replicas."""
    text = (K8S / "examples" / f"{file}.yaml").read_text()
    values, path = read([one for one in yaml.safe_load_all(text) if one])
    objects = [one for one in yaml.safe_load_all(scorers.rendered(values, ROOT / path)) if one]
    spec = named(objects, "Deployment")["spec"]
    assert "replicas" not in spec
    assert "@sha256:" in spec["template"]["spec"]["containers"][0]["image"]
