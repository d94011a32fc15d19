from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from tests.unit.serving.conftest import training_rows

from ekiben.errors import ConfigError
from ekiben.serving import artefact as reader
from ekiben.serving import predictors, versions
from ekiben.serving.predictor import Form
from ekiben.serving.predictors import estimator
from ekiben.serving.schema import Schema

BEFORE = Path(__file__).parent / "artefacts" / "format-2"
FILES = [
    "card.json",
    "estimator.onnx",
    "estimator.skops",
    "golden.json",
    "manifest.json",
    "parity.json",
    "reference.json",
    "schema.json",
]


def rewrite(folder: Path, change: Any) -> None:
    """Change the manifest's document."""
    manifest = json.loads((folder / "manifest.json").read_text())
    change(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_what_is_read(artefact: Path, schema: Schema, golden: dict[str, Any]) -> None:
    """Name, hash, version, schema and golden rows come from the files; the hash is that of the manifest."""
    found = reader.read(artefact)
    digest = hashlib.sha256((artefact / "manifest.json").read_bytes()).hexdigest()
    assert sorted(path.name for path in artefact.iterdir()) == FILES
    assert (found.name, found.sha256, found.version) == ("small", f"sha256:{digest}", digest[:16])
    assert found.schema == schema
    assert list(found.golden.predictions) == golden["predictions"]


def test_the_estimator_answers_as_the_one_that_was_written(
    artefact: Path, forest: RandomForestClassifier
) -> None:
    """Bit for bit, through the verified file."""
    found = estimator.load(reader.read(artefact).content("estimator.skops"))
    rows = training_rows()[0]
    assert np.array_equal(found.predict_proba(rows), forest.predict_proba(rows))


@pytest.mark.parametrize("name", [name for name in FILES if name != "manifest.json"])
def test_one_flipped_bit_is_found(artefact: Path, name: str) -> None:
    """Any file with one bit changed, at its start, middle or end, is refused by name."""
    content = (artefact / name).read_bytes()
    for place in (0, len(content) // 2, len(content) - 1):
        changed = bytearray(content)
        changed[place] ^= 1
        (artefact / name).write_bytes(changed)
        with pytest.raises(ConfigError, match=f"{name} was changed"):
            reader.read(artefact)


@pytest.mark.parametrize("name", FILES)
def test_missing_files_and_links_are_refused(artefact: Path, tmp_path: Path, name: str) -> None:
    """A file that is absent, or a link to the same bytes elsewhere, is refused."""
    shutil.move(artefact / name, tmp_path / name)
    with pytest.raises(ConfigError, match=name):
        reader.read(artefact)
    (artefact / name).symlink_to(tmp_path / name)
    with pytest.raises(ConfigError, match=name):
        reader.read(artefact)


def test_extra_files_are_refused_but_bentomls_own_is_not(artefact: Path) -> None:
    """BentoML keeps its model.yaml beside the artefact; anything else is foreign."""
    (artefact / "model.yaml").write_text("name: small")
    reader.read(artefact)
    (artefact / "sitecustomize.py").touch()
    with pytest.raises(ConfigError, match=r"does not list: 'sitecustomize\.py'"):
        reader.read(artefact)


def test_a_file_changed_after_the_first_reading_is_refused(artefact: Path) -> None:
    """The bytes that are used are the bytes that were hashed: held from the reading, or hashed again."""
    found = reader.read(artefact, "scikit-learn")
    content = (artefact / "estimator.skops").read_bytes()
    for name in ("estimator.skops", "estimator.onnx"):
        (artefact / name).write_bytes(b"other")
    assert found.content("estimator.skops") == content
    for name in ("estimator.skops", "estimator.onnx"):
        with pytest.raises(ConfigError, match="was changed"):
            found.content(name)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda manifest: manifest.update(format=4), "format 2 or 3, found 4"),
        (lambda manifest: manifest.pop("format"), "format 2 or 3, found None"),
        (lambda manifest: manifest.update(format=1), "format 2 or 3, found 1"),
        (lambda manifest: manifest.update(format=True), "format 2 or 3, found True"),
        (lambda manifest: manifest.update(formats=["skops", "cloudpickle"]), "expected formats out of"),
        (lambda manifest: manifest.update(estimator="pickle"), "expected formats out of"),
        (lambda manifest: manifest.update(estimator=["skops"]), "expected formats out of"),
        (lambda manifest: manifest["files"].update({"card.json": "0"}), "sha256 in hex"),
        (lambda manifest: manifest["files"].update({"card.json": None}), "sha256 in hex"),
        (lambda manifest: manifest["files"].update({"Card.json": "0"}), "another list"),
        (lambda manifest: manifest["files"].pop("card.json"), "another list"),
        (lambda manifest: manifest["files"].update({"../x": "0"}), "another list"),
        (lambda manifest: manifest.pop("versions"), "trained with unknown"),
        (lambda manifest: manifest.update(forms=["onnx"]), "scikit-learn among them"),
        (lambda manifest: manifest.update(forms=["scikit-learn", "treelite"]), "expected forms out of"),
        (lambda manifest: manifest.update(forms="onnx, scikit-learn"), "expected forms out of"),
        (lambda manifest: manifest.update(predictor="folded"), "one of them as predictor"),
        (lambda manifest: manifest.pop("predictor"), "one of them as predictor"),
        (lambda manifest: manifest.update(forms=["scikit-learn"], predictor="scikit-learn"), "another list"),
        (lambda manifest: manifest.update(name="../other"), "expected a model's name"),
        (lambda manifest: manifest.pop("name"), "expected a model's name"),
    ],
)
def test_other_formats_and_versions_are_refused(artefact: Path, change: Any, message: str) -> None:
    """A manifest of another format, list or minor version is refused, and the message says which."""
    rewrite(artefact, change)
    with pytest.raises(ConfigError, match=message):
        reader.read(artefact)


def test_patch_releases_may_differ(artefact: Path) -> None:
    """Only major and minor versions must agree."""
    here = versions.here()["scikit-learn"].split(".")
    rewrite(
        artefact, lambda manifest: manifest["versions"].update({"scikit-learn": f"{here[0]}.{here[1]}.999"})
    )
    assert reader.read(artefact, "scikit-learn").name == "small"


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        ("scikit-learn", {"scikit-learn"}),
        ("python", {"scikit-learn"}),
        ("onnxruntime", {"onnx"}),
        ("numpy", {"onnx", "scikit-learn"}),
        ("skops", set()),
    ],
)
def test_only_what_a_form_needs_must_agree(artefact: Path, name: str, refused: set[str]) -> None:
    """Another minor version refuses the forms that it answers in, and no other."""
    rewrite(artefact, lambda manifest: manifest["versions"].update({name: "0.1.0"}))
    forms: list[Form] = ["onnx", "scikit-learn"]
    for form in forms:
        if form in refused:
            with pytest.raises(ConfigError, match=f"{name}: trained with 0.1.0, found"):
                reader.read(artefact, form)
        else:
            assert reader.read(artefact, form).predictor == form


def test_the_form_can_be_demanded(artefact: Path) -> None:
    """The manifest says which form answers; another one is taken if it is demanded and there."""
    assert reader.read(artefact).forms == ("onnx", "scikit-learn")
    assert reader.read(artefact).predictor == "onnx"
    assert reader.read(artefact, "scikit-learn").predictor == "scikit-learn"
    with pytest.raises(ConfigError, match=r"onnx, scikit-learn, found a demand for 'folded'") as caught:
        reader.read(artefact, "folded")
    assert "EKIBEN_PREDICTOR" in caught.value.remedy


def test_the_format_before_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """An artefact that the release before wrote is read, and both of its forms answer its golden rows."""
    trained = json.loads((BEFORE / "manifest.json").read_text())["versions"]
    monkeypatch.setattr(versions, "_found", trained.get)  # what is installed may have moved on
    forms: list[Form] = ["onnx", "scikit-learn"]
    for form in forms:
        found = reader.read(BEFORE, form)
        assert (found.forms, found.estimator_format) == (("onnx", "scikit-learn"), "skops")
        rows = np.array([list(row.values()) for row in found.golden.instances], dtype=np.float64)
        assert predictors.load(found).predict(rows).predictions.tolist() == list(found.golden.predictions)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b"null", b"\xff", b"[" * 100_000, b'{"a": 1, "a": 1}', b"NaN"]
)
def test_a_manifest_that_is_none(artefact: Path, content: bytes) -> None:
    """Anything but a JSON object is refused as configuration, not as a crash."""
    (artefact / "manifest.json").write_bytes(content)
    with pytest.raises(ConfigError):
        reader.read(artefact)
