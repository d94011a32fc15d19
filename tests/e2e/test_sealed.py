"""A signed and encrypted model on a real cluster: released, refused where another key signed, rotated.

A namespace and a BentoML home of its own: a signature lies beside the stored model, and other tests' images
would change with it.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e import load
from tests.e2e.rig import Project, Rig, ready_of, settings, wait
from tests.e2e.teams import KEYS_OBJECT, Team, store, team

ROOT = Path(__file__).resolve().parents[2]
ROLLED_BACK = 7


@pytest.fixture(scope="module")
def teams(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Team]:
    """Three teams: whose model serves first, who takes over, and a stranger."""
    root = tmp_path_factory.mktemp("keys")
    return {name: team(root / name, name) for name in ("first", "second", "stranger")}


@pytest.fixture(scope="module")
def sealed(rig: Rig, teams: dict[str, Team], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project whose first team signs and encrypts, and a namespace with its key."""
    namespace = f"e2e-sealed-{secrets.token_hex(3)}"
    home = tmp_path_factory.mktemp("bentoml")
    environment = {**settings(home), **teams["first"].environment(), "EKIBEN_RELEASE__TIMEOUT_SECONDS": "90"}
    found = Project.copy(ROOT, tmp_path_factory.mktemp("project"), rig, namespace, environment)
    rig.kubectl("create", "namespace", namespace)
    store(rig, namespace, teams["first"])
    yield found
    if not os.environ.get("EKIBEN_E2E_KEEP"):
        found.ekiben("uninstall", "iris", check=False)
        rig.kubectl("delete", "namespace", namespace, "--ignore-not-found", "--wait=false")


@pytest.fixture(scope="module")
def left(sealed: Project) -> dict[str, dict[str, Any]]:
    """What each station left, up to a verified release."""
    return {verb: sealed.ekiben(verb, "iris") for verb in ("train", "bento", "image", "release")}


def asked(project: Project, row: list[float]) -> Any:
    """The prediction of a row, by `ekiben predict`."""
    return project.ekiben("predict", "iris", "--rows", json.dumps([row]))


def files_of(archive: Path) -> dict[str, bytes]:
    """Files of the image's model layer, from the OCI layout, by tarfile alone."""
    (one,) = json.loads((archive / "index.json").read_bytes())["manifests"]
    manifest = json.loads((archive / "blobs" / one["digest"].replace(":", "/")).read_bytes())
    blob = archive / "blobs" / manifest["layers"][-1]["digest"].replace(":", "/")
    found = {}
    with tarfile.open(blob) as tar:
        for member in tar:
            if content := tar.extractfile(member) if member.isreg() else None:
                found[member.name.rpartition("/")[2]] = content.read()
    return found


def test_a_sealed_model_is_released_verified_and_answers(
    sealed: Project, left: dict[str, dict[str, Any]], teams: dict[str, Team]
) -> None:
    """No plain file of the estimator is in the image, pods demand signature and key, the answer is right."""
    plain = Path(left["train"]["folder"])
    inside = files_of(Path(left["image"]["archive"]))
    assert {"signature.json", "encryption.json", "estimator.skops"} <= set(inside)
    assert inside["manifest.json"] == (plain / "manifest.json").read_bytes()
    for name in ("estimator.skops", "golden.json", "schema.json"):
        assert (plain / name).read_bytes()[:64] not in inside[name]
    assert left["release"]["image"] == left["image"]["image"]
    spec = sealed.rig.get("deployment", "iris", "-n", sealed.namespace)["spec"]["template"]["spec"]
    told = {each["name"]: each.get("value") for each in spec["containers"][0]["env"]}
    assert told["EKIBEN_SIGNERS"] == teams["first"].signer
    assert [each["secret"]["secretName"] for each in spec["volumes"] if "secret" in each] == [KEYS_OBJECT]
    assert asked(sealed, [5.1, 3.5, 1.4, 0.2])["predictions"] == [0]
    assert asked(sealed, [6.7, 3.0, 5.2, 2.3])["predictions"] == [2]


def test_a_strangers_signature_is_refused_and_undone(
    sealed: Project, left: dict[str, dict[str, Any]], teams: dict[str, Team], tmp_path: Path
) -> None:
    """The same model, signed by another key: no pod takes it, exit 7 with the cause, 0 requests failed."""
    home = shutil.copytree(sealed.environment["BENTOML_HOME"], tmp_path / "home", symlinks=True)
    theirs = sealed.beside(tmp_path / "theirs", BENTOML_HOME=str(home), **teams["stranger"].environment())
    for verb in ("train", "bento", "image"):
        made = theirs.ekiben(verb, "iris")
    assert made["image"] != left["image"]["image"]
    # They release it where the first team alone is believed.
    believed = {**theirs.environment, **teams["first"].policy()}
    slipped = Project(theirs.root, theirs.rig, theirs.namespace, believed)
    finished, measured = load.beside_release(sealed, slipped, Path(left["train"]["folder"]))
    assert finished.returncode == ROLLED_BACK, finished.stderr
    assert "expected a signature by" in finished.stderr
    assert measured.failed == 0, measured.outcomes
    assert sealed.ekiben("status", "iris")["image"] == left["image"]["image"]


def test_keys_rotate_without_a_failed_request(
    sealed: Project, left: dict[str, dict[str, Any]], teams: dict[str, Team], tmp_path: Path
) -> None:
    """Both live, then the new ones alone: none fails, and a pod made after the old key went starts."""
    first, second = teams["first"], teams["second"]
    store(sealed.rig, sealed.namespace, first, second)
    both = sealed.beside(tmp_path / "both", **second.environment(first, second))
    for verb in ("train", "bento", "image"):
        made = both.ekiben(verb, "iris")
    finished, measured = load.beside_release(sealed, both, Path(left["train"]["folder"]))
    assert finished.returncode == 0, finished.stderr
    assert measured.failed == 0, measured.outcomes
    store(sealed.rig, sealed.namespace, second)
    alone = Project(both.root, both.rig, both.namespace, {**both.environment, **second.environment()})
    finished, measured = load.beside_release(alone, alone, Path(left["train"]["folder"]))
    assert finished.returncode == 0, finished.stderr
    assert measured.failed == 0, measured.outcomes
    before = {each["metadata"]["name"] for each in alone.pods()}
    alone.rig.kubectl("-n", alone.namespace, "delete", "pod", *before, "--wait=false")
    wait(
        lambda: ready_of([each for each in alone.pods() if each["metadata"]["name"] not in before]) > 0,
        90,
        "a pod that has only the new keys",
    )
    assert alone.ekiben("status", "iris")["image"] == made["image"]
    assert asked(alone, [5.1, 3.5, 1.4, 0.2])["predictions"] == [0]
