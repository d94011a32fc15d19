"""Releases prove themselves or undo themselves, while requests go on."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.e2e import load
from tests.e2e.rig import Project, wait

from ekiben.road.journey import Journey

ACCEPTANCE, ROLLED_BACK = 6, 7


def _with_wrong_golden_answers(source: Path, folder: Path) -> Path:
    """Copy an artefact, shift its golden answers, and make its manifest say so."""
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("model.yaml"))
    golden = json.loads((folder / "golden.json").read_text())
    golden["predictions"] = [(label + 1) % 3 for label in golden["predictions"]]
    (folder / "golden.json").write_text(json.dumps(golden, sort_keys=True))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["golden.json"] = hashlib.sha256((folder / "golden.json").read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest, sort_keys=True) + "\n")
    return folder


def _give(project: Project, artefact: Path, model: dict[str, Any], patch: pytest.MonkeyPatch) -> None:
    """Let the project go on from this artefact, as if it had been trained, and packed without a proof.

    The station `bento` itself refuses it: a pod of it does not become ready.
    """
    from ekiben import config
    from ekiben.artefact import store
    from ekiben.bento import station
    from ekiben.serving import artefact as reader

    tag, folder = store.store(artefact, Path(project.environment["BENTOML_HOME"]))
    output = {
        **model,
        "tag": str(tag),
        "folder": str(folder),
        "artefact_sha256": reader.read(folder).sha256,
    }
    root = project.root.resolve()
    Journey.of(root, "iris").record("train", "given", output, 0)
    assert project.run("bento", "iris").returncode == ACCEPTANCE
    patch.setenv("BENTOML_HOME", project.environment["BENTOML_HOME"])
    packed = station.build(config.load("iris", root, project.environment), tag, root)
    Journey.of(root, "iris").record("bento", "given", packed, 0)


@pytest.mark.parametrize(("fault", "says"), [("crashing", "crash"), ("stuck", "ready")])
def test_an_upgrade_that_cannot_serve_undoes_itself(
    fault: str, says: str, project: Project, faulty: Callable[[str], Project],
    model: dict[str, Any], image: dict[str, Any], revision: dict[str, Any],
) -> None:  # fmt: skip
    """A crash-looping image and a never-ready one end with exit code 7, the old digest serving, 0 failed."""
    assert revision["revision"]
    bad = faulty(fault)
    bad = Project(
        bad.root, bad.rig, bad.namespace, {**bad.environment, "EKIBEN_RELEASE__TIMEOUT_SECONDS": "40"}
    )
    for station in ("train", "bento", "image"):
        left = bad.ekiben(station, "iris")
    assert left["image"] != image["image"]
    finished, measured = load.beside_release(project, bad, Path(model["folder"]))
    assert finished.returncode == ROLLED_BACK, finished.stderr
    assert says in finished.stderr.lower()
    assert measured.failed == 0, measured.outcomes
    assert project.ekiben("status", "iris")["image"] == image["image"]


def test_a_model_with_wrong_golden_answers_undoes_itself(
    project: Project,
    tmp_path: Path,
    model: dict[str, Any],
    image: dict[str, Any],
    revision: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An artefact, sound in itself, whose estimator does not give its golden answers never gets a request."""
    assert revision["revision"]
    wrong = project.beside(tmp_path / "wrong")
    _give(wrong, _with_wrong_golden_answers(Path(model["folder"]), tmp_path / "artefact"), model, monkeypatch)
    wrong.ekiben("image", "iris")
    finished, measured = load.beside_release(project, wrong, Path(model["folder"]))
    assert finished.returncode == ROLLED_BACK, finished.stderr
    assert "golden" in finished.stderr.lower()
    assert measured.failed == 0, measured.outcomes
    assert project.ekiben("status", "iris")["image"] == image["image"]


def test_a_killed_release_is_repaired_by_the_next(
    project: Project, image: dict[str, Any], revision: dict[str, Any]
) -> None:
    """SIGKILL in the middle of a release leaves nothing that the next release does not repair."""
    assert revision["revision"]
    changed = Project(
        project.root,
        project.rig,
        project.namespace,
        {**project.environment, "EKIBEN_SCALE__MAX_REPLICAS": "5"},
    )
    with changed.start("release", "iris") as process:
        time.sleep(2.5)
        process.send_signal(signal.SIGKILL)
        process.wait()
    again = project.ekiben("release", "iris")
    assert again["image"] == image["image"]
    assert project.ekiben("status", "iris")["replicas"]["ready"] >= 1


def test_rollback_returns_to_a_verified_revision(project: Project, revision: dict[str, Any]) -> None:
    """After a second release, `ekiben rollback` serves the first again, verified."""
    assert revision["revision"]
    other = Project(
        project.root,
        project.rig,
        project.namespace,
        {**project.environment, "EKIBEN_SCALE__MAX_REPLICAS": "7"},
    )
    other.ekiben("release", "iris")
    assert project.rig.get("hpa", "iris", "-n", project.namespace)["spec"]["maxReplicas"] == 7
    project.ekiben("rollback", "iris")
    assert project.rig.get("hpa", "iris", "-n", project.namespace)["spec"]["maxReplicas"] != 7


def test_who_switches_autoscaling_off_loses_no_replica(project: Project, revision: dict[str, Any]) -> None:
    """Without a number there are as many as the HPA had, the same pods; a number is had, HPA or not."""
    assert revision["revision"]

    def replicas() -> int:
        found = project.rig.get("deployment", "iris", "-n", project.namespace)
        return int(found["spec"]["replicas"])

    def names() -> set[str]:
        return {pod["metadata"]["name"] for pod in project.pods()}

    def release(**more: str) -> None:
        environment = {**project.environment, **more}
        Project(project.root, project.rig, project.namespace, environment).ekiben("release", "iris")

    off = {"EKIBEN_RELEASE__VALUES__AUTOSCALING": '{"enabled": false}'}
    release(EKIBEN_SCALE__MIN_REPLICAS="3")
    wait(lambda: project.ready() == 3, 120, "three replicas")
    before = names()
    release(**off)
    assert (replicas(), names()) == (3, before)
    release(EKIBEN_SCALE__MIN_REPLICAS="3")
    assert (replicas(), names()) == (3, before)
    settings = project.root / "bentos" / "iris" / "ekiben.yaml"
    written = settings.read_text(encoding="utf-8")
    values = yaml.safe_load(written)
    values.setdefault("release", {}).setdefault("values", {})["replicaCount"] = 1
    settings.write_text(yaml.safe_dump(values), encoding="utf-8")
    try:
        release(**off)
    finally:
        settings.write_text(written, encoding="utf-8")
    assert replicas() == 1
    project.ekiben("release", "iris")
    assert "iris" in project.rig.kubectl("get", "hpa", "-n", project.namespace)
