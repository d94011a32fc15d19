"""Station 2 by BentoML's own build, on a service and a model made by hand (seconds, no network)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ekiben.bento import station
from ekiben.config import ModelConfig, parse
from ekiben.errors import ConfigError, ToolError
from ekiben.identifiers import ModelTag

SERVICE = """
import bentoml

print("a service may print while it is imported")


@bentoml.service
class Tiny:
    model = bentoml.models.BentoModel("tiny:latest")

    @bentoml.api
    def predict(self, instances: list[float]) -> list[float]:
        return instances

    @bentoml.api(route="/rank")
    def rank(self, text: str) -> str:
        return text
"""


def config(**routes: str) -> ModelConfig:
    """`ekiben.yaml` of the service."""
    return parse(
        {
            "model": "tiny",
            "train": {"estimator": "a:b", "data": "a:c", "accept": {"min": 0}},
            "bento": {"service": "bentos.tiny.service:Tiny", "routes": routes},
            "image": {"repository": "tiny"},
        },
        "test",
    )


def project(root: Path, service: str = SERVICE) -> Path:
    """A project with this service."""
    folder = root / "bentos/tiny"
    folder.mkdir(parents=True)
    (folder / "service.py").write_text(service)
    return root


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelTag:
    """A model that is not the latest of its name, in a BentoML home of the test's own."""
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path / "home"))
    for version in ("0000000000000001", "0000000000000002"):
        folder = tmp_path / "home/models/tiny" / version
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text("{}")
        context = {
            "framework_name": "",
            "framework_versions": {},
            "bentoml_version": "1",
            "python_version": "3",
        }
        record = {
            "name": "tiny", "version": version, "module": "ekiben.artefact", "labels": {}, "options": {},
            "metadata": {}, "signatures": {}, "api_version": "v1", "context": context,
            "creation_time": "2026-01-01T00:00:00+00:00",
        }  # fmt: skip
        (folder / "model.yaml").write_text(yaml.safe_dump(record))
    (tmp_path / "home/models/tiny/latest").write_text("0000000000000002")
    return ModelTag("tiny", "0000000000000001")


def test_bentoml_packs_the_service_with_the_given_version_of_the_model(
    model: ModelTag, tmp_path: Path
) -> None:
    """Sources, routes, and the asked version although another one is `latest`; BentoML lists it."""
    found = station.build(config(**{"/predict": "lane"}), model, project(tmp_path / "project"))
    record = yaml.safe_load((found.folder / "bento.yaml").read_text())
    assert [entry["tag"] for entry in record["models"]] == ["tiny:0000000000000001"]
    assert (found.folder / "src/bentos/tiny/service.py").read_text() == SERVICE
    assert json.loads((found.folder / "ekiben-routes.json").read_text()) == {"custom": ["/rank"]}
    listed = subprocess.run(
        [sys.executable, "-m", "bentoml", "list", "--output", "json"],
        capture_output=True, text=True, check=True, env={**os.environ, "BENTOML_DO_NOT_TRACK": "True"},
    )  # fmt: skip
    assert [entry["tag"] for entry in json.loads(listed.stdout)] == [str(found.tag)]


def test_the_same_inputs_give_the_same_tag_and_are_packed_once(model: ModelTag, tmp_path: Path) -> None:
    """Elsewhere too; a damaged bento is packed again, and a changed source is another bento."""
    wanted = config(**{"/predict": "lane"})
    first = station.build(wanted, model, project(tmp_path / "project"))
    packed = (first.folder / "bento.yaml").stat().st_mtime_ns
    assert station.build(wanted, model, project(tmp_path / "elsewhere")) == first
    assert (first.folder / "bento.yaml").stat().st_mtime_ns == packed
    (first.folder / "src/bentos/tiny/service.py").write_text("damaged")
    assert station.build(wanted, model, tmp_path / "project") == first
    assert (first.folder / "src/bentos/tiny/service.py").read_text() == SERVICE
    changed = project(tmp_path / "changed", SERVICE.replace("/rank", "/order"))
    assert station.build(wanted, model, changed).tag != first.tag


def test_an_undecided_collision_leaves_no_bento(model: ModelTag, tmp_path: Path) -> None:
    """The lane answers `/predict` too; nothing is published until somebody decides."""
    with pytest.raises(ConfigError, match="/predict"):
        station.build(config(), model, project(tmp_path / "project"))
    assert list((tmp_path / "home").glob("bentos/*/*")) == []


@pytest.mark.parametrize(
    ("service", "says"), [("raise RuntimeError('no weights here')", "no weights here"), ("Tiny = 1", "'int'")]
)
def test_a_service_that_cannot_be_imported_is_reported_with_its_own_words(
    service: str, says: str, model: ModelTag, tmp_path: Path
) -> None:
    """BentoML's last lines are in the error, and the store stays as it was."""
    with pytest.raises(ToolError) as found:
        station.build(config(), model, project(tmp_path / "project", service))
    assert says in found.value.last_lines
    assert "bentos.tiny.service:Tiny" in found.value.remedy
    assert list((tmp_path / "home").glob("bentos/*/*")) == []
