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
from ekiben.serving import estimator
from ekiben.serving.schema import Schema

FILES = ["card.json", "estimator.skops", "golden.json", "manifest.json", "reference.json", "schema.json"]


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
    with pytest.raises(ConfigError, match=r"does not list: sitecustomize\.py"):
        reader.read(artefact)


def test_a_file_changed_after_the_first_reading_is_refused(artefact: Path) -> None:
    """The bytes that are used are the bytes that were hashed."""
    found = reader.read(artefact)
    (artefact / "estimator.skops").write_bytes(b"other")
    with pytest.raises(ConfigError, match="was changed"):
        found.content("estimator.skops")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda manifest: manifest.update(format=2), "format 1, found 2"),
        (lambda manifest: manifest.pop("format"), "format 1, found None"),
        (lambda manifest: manifest["files"].pop("card.json"), "another list"),
        (lambda manifest: manifest["files"].update({"../x": "0"}), "another list"),
        (
            lambda manifest: manifest["versions"].update({"scikit-learn": "1.2.0"}),
            "scikit-learn: trained with 1.2.0",
        ),
        (lambda manifest: manifest["versions"].update(numpy="1.26.4"), "numpy: trained with 1.26.4"),
        (lambda manifest: manifest["versions"].update(python="3.9"), "python: trained with 3.9"),
        (lambda manifest: manifest.pop("versions"), "trained with unknown"),
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
    here = reader.versions()["scikit-learn"].split(".")
    rewrite(
        artefact, lambda manifest: manifest["versions"].update({"scikit-learn": f"{here[0]}.{here[1]}.999"})
    )
    assert reader.read(artefact).name == "small"


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"null", b"\xff"])
def test_a_manifest_that_is_none(artefact: Path, content: bytes) -> None:
    """Anything but a JSON object is refused as configuration, not as a crash."""
    (artefact / "manifest.json").write_bytes(content)
    with pytest.raises(ConfigError):
        reader.read(artefact)
