"""Helm 3 carries a release as Helm 4 does: the same chart and verbs, another `helm` first on PATH."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e import load
from tests.e2e.rig import Project, Rig

from ekiben.clients import gobuild, recipes

ROLLED_BACK = 7


@pytest.fixture(scope="module")
def by_helm3(
    project: Project, rig: Rig, image: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Project]:
    """The project in a namespace of its own, with Helm 3 before every other helm; one verified revision."""
    assert image["image"]
    program = gobuild.build(recipes.HELM3) / "helm"
    said = subprocess.run([program, "version", "--short"], capture_output=True, text=True, check=True).stdout
    assert said.startswith("v3."), said
    namespace = f"e2e-helm3-{secrets.token_hex(2)}"
    environment = {**project.environment, "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"}
    folder = tmp_path_factory.mktemp("helm3")
    found = Project.copy(project.root, folder / "project", rig, namespace, environment)
    for station in ("train", "bento", "image", "release"):
        found.ekiben(station, "iris")
    yield found
    rig.kubectl("delete", "namespace", namespace, "--ignore-not-found", "--wait=false")


def _applied_by(project: Project) -> set[tuple[str, str]]:
    """Who wrote the Deployment's spec, and how: Helm 3 sends updates, Helm 4 applies on the server."""
    found = project.rig.kubectl(
        "get", "deployment", "iris", "-n", project.namespace, "-o", "json", "--show-managed-fields"
    )
    fields = json.loads(found)["metadata"]["managedFields"]
    return {
        (each["manager"], each["operation"])
        for each in fields
        if each["manager"] == "helm" and "f:spec" in each["fieldsV1"]
    }


def _most_replicas(project: Project) -> int:
    found: int = project.rig.get("hpa", "iris", "-n", project.namespace)["spec"]["maxReplicas"]
    return found


def _with(project: Project, **environment: str) -> Project:
    return Project(project.root, project.rig, project.namespace, {**project.environment, **environment})


def test_helm_3_releases_upgrades_and_rolls_back(by_helm3: Project) -> None:
    """A second release changes the HPA, a rollback brings the first back; all written by Helm 3's updates."""
    assert _applied_by(by_helm3) == {("helm", "Update")}
    assert by_helm3.ekiben("predict", "iris")["predictions"]
    before = _most_replicas(by_helm3)
    _with(by_helm3, EKIBEN_SCALE__MAX_REPLICAS="7").ekiben("release", "iris")
    assert (before, _most_replicas(by_helm3)) != (7, before)
    by_helm3.ekiben("rollback", "iris")
    assert _most_replicas(by_helm3) == before
    assert by_helm3.ready() >= 1


def test_a_release_by_helm_3_that_cannot_serve_undoes_itself(
    by_helm3: Project, model: dict[str, Any], tmp_path: Path
) -> None:
    """A crash-looping image ends with exit code 7, the old digest serving, no request failed."""
    serving = by_helm3.ekiben("status", "iris")["image"]
    bad = by_helm3.beside(tmp_path / "crashing", EKIBEN_RELEASE__TIMEOUT_SECONDS="40")
    shutil.copy(Path(__file__).parent / "faulty" / "crashing.py", bad.root / "bentos/iris/service.py")
    for station in ("train", "bento", "image"):
        left = bad.ekiben(station, "iris")
    assert left["image"] != serving
    finished, measured = load.beside_release(by_helm3, bad, Path(model["folder"]))
    assert finished.returncode == ROLLED_BACK, finished.stderr
    assert measured.failed == 0, measured.outcomes
    assert by_helm3.ekiben("status", "iris")["image"] == serving


def test_helm_4_takes_over_what_helm_3_released(by_helm3: Project) -> None:
    """Releases by Helm 4 and again by Helm 3 change the same revision history; then Helm 3 takes all away."""
    newer = _with(by_helm3, PATH=os.environ["PATH"], EKIBEN_SCALE__MAX_REPLICAS="8")
    newer.ekiben("release", "iris")
    assert ("helm", "Apply") in _applied_by(by_helm3)
    assert _most_replicas(by_helm3) == 8
    again = _with(by_helm3, EKIBEN_SCALE__MAX_REPLICAS="9")
    again.ekiben("release", "iris")
    assert _most_replicas(by_helm3) == 9
    by_helm3.ekiben("uninstall", "iris")
    left = by_helm3.rig.kubectl(
        "get", "deployment,service,hpa,pdb", "-n", by_helm3.namespace, "-o", "name", check=False
    )
    assert "iris" not in left
