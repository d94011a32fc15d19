"""The upper layers: the pod's half of ekiben, the bento, the model."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from contextlib import nullcontext
from pathlib import Path

import pytest
import yaml
from sklearn.dummy import DummyClassifier

from ekiben.artefact.forms.proof import Proven
from ekiben.artefact.write import write
from ekiben.errors import ConfigError
from ekiben.identifiers import BentoTag, ModelTag
from ekiben.image import program, python
from ekiben.image.blobs import Blobs
from ekiben.image.layer import Layer
from ekiben.serving import artefact
from ekiben.serving.schema import Input, Output, Schema

BENTO = BentoTag("iris", "1")
RECORD = {
    "service": "bentos.iris.service:Iris",
    "creation_time": "2026-01-01T00:00:00+00:00",
    "models": [{"tag": "iris:aa", "creation_time": "2026-01-02T00:00:00+00:00"}],
}


def stored(root: Path, record: object = RECORD) -> Path:
    """A bento as the store has it."""
    (root / "src").mkdir(parents=True)
    (root / "src/service.py").write_text("x = 1\n")
    (root / "env").mkdir()
    (root / "env/Dockerfile").write_text("FROM scratch\n")
    (root / "bento.yaml").write_text(yaml.safe_dump(record))
    (root / "ekiben-routes.json").write_text('{"custom": []}\n')
    return root


def names(blobs: Blobs, layer: Layer) -> set[str]:
    """Files of a layer."""
    with tarfile.open(blobs.path(layer.digest)) as tar:
        return {member.name for member in tar if member.isfile()}


def test_the_pods_half_of_ekiben_runs_alone(tmp_path: Path) -> None:
    """Unpacked without the rest of ekiben, every module of it is imported."""
    blobs = Blobs(tmp_path / "cache")
    layer = program.ekiben_layer(
        blobs, "base", b"{}", lambda _: nullcontext(python.Python((sys.executable,)))
    )
    with tarfile.open(blobs.path(layer.digest)) as tar:
        tar.extractall(tmp_path / "root")  # noqa: S202  # our own archive
    site = tmp_path / "root/opt/ekiben/site"
    walk = (
        "import importlib, pkgutil, ekiben.serving as s, sys\n"
        "for m in pkgutil.walk_packages(s.__path__, 'ekiben.serving.'):\n"
        "    if not m.name.endswith('__main__'): importlib.import_module(m.name)\n"
        "print(s.__file__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", walk],
        env={"PYTHONPATH": str(site), "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(site))
    assert "opt/ekiben/sbom.json" in names(blobs, layer)


def test_the_bentos_layer_holds_sources_and_routes_and_no_times(tmp_path: Path) -> None:
    """Two builds of the same bento at different times give the same layer; docker's files stay out."""
    later = {**RECORD, "creation_time": "2027-01-01", "models": [{"tag": "iris:aa", "creation_time": "2028"}]}
    blobs = Blobs(tmp_path / "cache")
    one = program.bento_layer(blobs, stored(tmp_path / "one"))
    other = program.bento_layer(blobs, stored(tmp_path / "other", later))
    assert one == other
    assert names(blobs, one) == {
        "opt/ekiben/bento/bento.yaml",
        "opt/ekiben/bento/ekiben-routes.json",
        "opt/ekiben/bento/src/service.py",
    }


def test_a_changed_bento_gives_another_layer(tmp_path: Path) -> None:
    """All but the times counts."""
    blobs = Blobs(tmp_path / "cache")
    one = program.bento_layer(blobs, stored(tmp_path / "one"))
    other = program.bento_layer(blobs, stored(tmp_path / "other", {**RECORD, "service": "other:Iris"}))
    assert one.digest != other.digest


def test_the_models_layer_holds_the_artefact_and_not_bentomls_record(tmp_path: Path) -> None:
    """BentoML's record of the model tells when and by which versions; the artefact does not."""
    folder = tmp_path / "model"
    folder.mkdir()
    write(
        folder,
        "iris",
        DummyClassifier().fit([[0], [1]], [0, 1]),
        Schema((Input("a", "float64"),), Output("classification", (0, 1), probabilities=True)),
        golden={
            "instances": [{"a": 1.0}],
            "predictions": [0],
            "probabilities": None,
            "relative_tolerance": 0,
        },
        reference={},
        card={},
        proven=Proven({"onnx": b"a form"}, {"format": 1}),
    )
    written = {path.name for path in folder.iterdir()}
    (folder / "model.yaml").touch()
    blobs = Blobs(tmp_path / "cache")
    found = names(blobs, program.model_layer(blobs, artefact.read(folder)))
    assert found == {f"opt/ekiben/model/{name}" for name in written}
    assert {"opt/ekiben/model/estimator.onnx", "opt/ekiben/model/parity.json"} < found


def test_the_model_of_a_bento_is_read_from_its_record(tmp_path: Path) -> None:
    """The one of the bento's own name."""
    assert program.model_of(stored(tmp_path / "bento"), BENTO) == ModelTag("iris", "aa")


@pytest.mark.parametrize("record", [{}, {"models": []}, {"models": [{"tag": "other:1"}]}, "text", None])
def test_a_bento_without_its_model_is_refused(tmp_path: Path, record: object) -> None:
    """The error says how to make a right one."""
    with pytest.raises(ConfigError) as found:
        program.model_of(stored(tmp_path / "bento", record), BENTO)
    assert "ekiben bento iris" in found.value.remedy


def test_a_bento_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """The error names it and its folder."""
    with pytest.raises(ConfigError, match="iris:1"):
        program.model_of(tmp_path / "none", BENTO)
